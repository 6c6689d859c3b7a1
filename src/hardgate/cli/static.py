"""`hardgate static`: what can be told of a template without running any of its code."""

from collections.abc import Iterable, Sequence

from hardgate.cli.options import add_template_options, contract_of, inquiry_of
from hardgate.cli.parser import Parser
from hardgate.errors import ContractError
from hardgate.model.tier import load_tiers
from hardgate.pipeline.check import Point
from hardgate.pipeline.session import Inquiry
from hardgate.pipeline.static.examine import Examination
from hardgate.pipeline.template import Template
from hardgate.report.folder import Folder
from hardgate.resources import CONTRACTS


def main(words: Sequence[str]) -> int:
    """Look, and leave an answer."""
    parser = Parser("static", "Look at a template without running any of its code.")
    add_template_options(parser)
    values = parser.read(words)
    template = Template.find(values.context, values.dockerfile)
    contract, problem = None, None
    try:
        contract = contract_of(values)
        load_tiers(CONTRACTS / "tiers.yaml")
    except ContractError as error:
        problem = error
    applied = contract.sha256 if contract else ""
    inquiry = inquiry_of(values, "static", template.root, applied)

    def look(_inquiry: Inquiry, _folder: Folder) -> Iterable[Point]:
        examination = Examination(template=template, contract=contract, contract_problem=problem)
        return examination.points()

    where = template.name_of(template.context)
    return int(inquiry.run(f"template {where}, no code of it is run", look))
