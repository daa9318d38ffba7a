"""The command line. JSON on stdout, messages on stderr; exit 0, 1 (a check failed) or 2 (bad usage).

Each command imports what it needs when it runs, so that `kvartal --help` is quick.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

import typer

from kvartal.cli import data, exam, rule, savings, serve
from kvartal.cli.options import to_stderr
from metering.refusal import Refusal

app = typer.Typer(
    name="kvartal",
    help="What a house really saved, in Gcal and roubles, how sure that is, and which readings prove it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_COMMANDS: Final[dict[str, Callable[..., None]]] = {
    "demo": serve.demo,
    "run": serve.run,
    "ingest": serve.ingest,
    "worker": serve.worker,
    "simulate": serve.simulate,
    "decode": data.decode,
    "replay": data.replay,
    "rejected": data.rejected,
    "ledger": data.ledger,
    "fit": savings.fit,
    "savings": savings.savings,
    "contract": savings.contract,
    "portfolio": savings.portfolio,
    "import": data.import_file,
    "gauges": data.gauges,
    "balance": data.balance,
    "audit": data.audit,
    "restatements": data.restatements,
    "findings": rule.findings,
    "annotate": serve.annotate,
}
"""In the order of `kvartal --help`."""

for _name, _command in _COMMANDS.items():
    app.command(_name)(_command)
app.add_typer(rule.app, name="rule")
app.add_typer(exam.app, name="exam")


def main() -> None:
    """The console script: a refusal exits with its status, Ctrl-C with 130 and no traceback."""
    try:
        app()
    except Refusal as refusal:
        to_stderr(str(refusal))
        raise SystemExit(refusal.status) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): nothing is wrong.
        sys.stderr.close()
        raise SystemExit(0) from None
