"""`hardgate adapter`: the template's own unit tests, counted; none executed is red."""

from collections.abc import Iterator, Sequence

from hardgate.cli.options import add_template_options, contract_of, inquiry_of
from hardgate.cli.parser import Parser
from hardgate.pipeline.adapter_tests import look
from hardgate.pipeline.check import Point
from hardgate.pipeline.session import Inquiry
from hardgate.pipeline.template import Template
from hardgate.report.folder import Folder

LOG = "adapter.log"


def main(words: Sequence[str]) -> int:
    """Run them, and leave an answer."""
    parser = Parser("adapter", "Run the template's own unit tests; none executed is red.")
    add_template_options(parser)
    values = parser.read(words)
    template = Template.find(values.context, values.dockerfile)
    inquiry = inquiry_of(values, "adapter", template.root, contract_of(values).sha256)

    def run(inquiry: Inquiry, folder: Folder) -> Iterator[Point]:
        with (
            inquiry.console.step("Run the template's unit tests") as step,
            folder.open_log(LOG, inquiry.console.redactor) as log,
        ):

            def write(line: str) -> None:
                log.write(f"{line}\n")
                step.tell(line)

            yield from look(template, write)

    where = template.name_of(template.context)
    return int(inquiry.run(f"template {where}, its unit tests in an environment of their own", run))
