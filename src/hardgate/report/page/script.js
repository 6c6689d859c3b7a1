"use strict";
(() => {
  const rows = [...document.querySelectorAll("[data-outcome]")];
  const folded = rows.filter((row) => row.tagName === "DETAILS");
  const counted = folded.length ? folded : rows;
  const bar = document.getElementById("filter");
  const search = document.getElementById("search");
  const count = document.getElementById("count");

  const openTarget = () => {
    const id = decodeURIComponent(location.hash.slice(1));
    const row = id && document.getElementById(id);
    if (!row) return;
    if (row.hidden) {
      search.value = "";
      bar.querySelector("input[value=all]").checked = true;
      filterRows();
    }
    if (row.tagName === "DETAILS") row.open = true;
    row.scrollIntoView();
  };

  const filterRows = () => {
    const wanted = bar.querySelector("input[name=outcome]:checked").value;
    const text = search.value.trim().toLowerCase();
    for (const row of rows) {
      const fits = wanted === "all" || row.dataset.outcome === wanted;
      row.hidden = !(fits && row.textContent.toLowerCase().includes(text));
    }
    const shown = counted.filter((row) => !row.hidden).length;
    count.textContent = `${shown} of ${counted.length} shown`;
  };

  const openAll = (open) => {
    for (const row of document.querySelectorAll("details.row")) row.open = open;
  };

  if (bar && rows.length) {
    bar.hidden = false;
    bar.addEventListener("input", filterRows);
    document.getElementById("open").addEventListener("click", () => openAll(true));
    document.getElementById("close").addEventListener("click", () => openAll(false));
    filterRows();
  }
  addEventListener("hashchange", openTarget);
  addEventListener("beforeprint", () => openAll(true));
  openTarget();
})();
