"""Which commands and flags there are. What the commands do imports what is heavy when it is called."""

import argparse
from collections.abc import Callable
from pathlib import Path

from ablate.cli import ensembles, looking, reading, training
from ablate.cli.engines import ENGINES
from ablate.cli.typos import Parser
from ablate.runner.interrupts import Stop
from ablate.trackers import TRACKERS
from ablate.train.strategy import STRATEGIES

Command = Callable[[argparse.Namespace, Stop], int]

EPILOG = """\
examples:
  ablate new mine.py
  ablate run --config=experiments/digits.py
  ablate run --config=experiments/digits.py --config.seeds=12 --config.recipe.norm.name=layer
  ablate plan --config=experiments/digits.py --config.design=factorial
  ablate slurm --config=experiments/digits.py --nodes=4 --gres=gpu:4
  ablate status results/digits
  ablate confirm results/digits
  ablate report results/before results/after --versions
  ablate report results/digits --to=wandb
  ablate predict results/digits --arm=baseline
  ablate variance --config=experiments/digits.py --seeds=10
  ablate clean --config=experiments/digits.py
  ablate fuse results/digits --arm=baseline --at-once=3
  ablate verdict runs.csv --arm=model --seed=seed --metric=top1 --status=State
  ablate tricks loss.focal

exit codes: 0 all done; 1 finished, some cells failed; 2 usage, config, or a folder that cannot be written to;
3 the directory is in use; 75 interrupted (a signal, a full disk), the same command continues
"""
TRAINED_ON = ("rest", "one")  # of folds
# Where a command has no flags about several processes; `hosts` are those, once they have met.
ALONE = {"coordinator": None, "processes": None, "process": None, "hosts": None}
RUNS = """\
Seeds are paired where every arm shares two of them with the baseline, and half of its own or of the baseline's,
whichever are fewer. A run without a finite number, or of status diverged, counts as diverged: the worst outcome. One of
any other status than finished, done, completed, success, ok and the like counts as failed, and is left out.
"""


def parser_of_commands() -> argparse.ArgumentParser:
    """The parser of the whole command line; what it parses has the function of the command as `command`."""
    from ablate.version import version

    parser = Parser(
        prog="ablate",
        description="Which training tricks help on your task, by how much, at what cost, and is it real?",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version() or 'unknown'}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for add in COMMANDS:
        add(commands)
    return parser


def _folder(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("empty; name a place")
    return Path(text)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, got {text!r}")
    return int(text)


def _csv(text: str) -> Path:
    if not text.lower().endswith(".csv"):
        raise argparse.ArgumentTypeError(f"expected a file ending in .csv, got {text!r}")
    return Path(text)


def _plain(commands, name: str, command: Command, text: str, epilog: str = "") -> argparse.ArgumentParser:
    """A command with its words; flags follow."""
    sentence = text[0].upper() + text[1:] + "."
    parser = commands.add_parser(name, help=text, description=sentence, epilog=epilog)
    parser.set_defaults(command=command)
    return parser


def _configured(commands, name: str, command: Command, text: str) -> argparse.ArgumentParser:
    """A command about an experiment."""
    epilog = "Any key can be set behind the file: --config.train.steps=100 --config.recipe.norm.name=group"
    parser = _plain(commands, name, command, text, epilog)
    parser.add_argument(
        "--config",
        required=True,
        action=_Once,
        metavar="FILE.py[:ARG]",
        help="an experiment: a file with get_config([arg])",
    )
    return parser


class _Once(argparse.Action):
    """Of two values nobody would know which one counts."""

    def __call__(self, parser, namespace, values, option_string=None):
        if getattr(namespace, self.dest) is not None:
            parser.error(f"{option_string}: given twice; leave one out")
        setattr(namespace, self.dest, values)


def _new(commands) -> None:
    parser = _plain(
        commands, "new", looking.new, "write a commented experiment that runs as it stands, to be made your own"
    )
    parser.add_argument("file", type=_folder, metavar="FILE.py", help="a new file")


def _plan(commands) -> None:
    parser = _configured(commands, "plan", looking.plan, "show arms, cells, programs and an estimate; train nothing")
    parser.add_argument("--strategy", choices=tuple(STRATEGIES), help="plan for this strategy")
    parser.add_argument("--json", action="store_true", help="one JSON object with lists arms, cells, programs")
    parser.add_argument("--params", action="store_true", help="list the parameters of every network too")
    text = "where results would go: what is stored there is left out, and tells times (default: results/<experiment>)"
    parser.add_argument("--workdir", type=_folder, metavar="DIR", help=text)
    text = "plan for this machine, or for a Ray cluster, which need not be there (default: %(default)s)"
    parser.add_argument("--engine", choices=tuple(ENGINES), default="local", help=text)
    text = "with --engine=ray: nodes of the cluster (default: 1)"
    parser.add_argument("--nodes", type=int, metavar="N", help=text)
    text = "with --engine=ray: devices of a node (default: those of this machine)"
    parser.add_argument("--devices", type=int, metavar="N", help=text)
    text = "with --engine=ray: kind of these devices (default: that of this machine)"
    parser.add_argument("--platform", choices=("cpu", "gpu", "tpu"), help=text)


def _check(commands) -> None:
    text = "sanity checks per arm: first loss, overfits 64 examples, finite, one compile"
    _configured(commands, "check", looking.check, text)


def _probe(commands) -> None:
    text = "activation and gradient mean and sd by layer before training"
    parser = _configured(commands, "probe", looking.probe, text)
    text = "where probe.csv and its figure go (default: results/<experiment>)"
    parser.add_argument("--workdir", type=_folder, metavar="DIR", help=text)


def _tricks(commands) -> None:
    text = "the catalogue: formula, arguments, off value, reference; what choices cost"
    parser = _plain(commands, "tricks", looking.tricks, text)
    parser.add_argument("name", nargs="?", metavar="NAME", help="an axis, AXIS.NAME, or any name of a choice")
    text = "time and memory of a training step with each choice, over a baseline's"
    parser.add_argument("--measure", action="store_true", help=text)
    text = "with --measure: the experiment whose recipe is the baseline"
    parser.add_argument("--config", metavar="FILE.py[:ARG]", help=text)
    text = "with --measure: a CSV to write too; rows of other choices stay"
    parser.add_argument("--out", type=_folder, metavar="FILE", help=text)


def _add_engine(parser: argparse.ArgumentParser) -> None:
    """Flags about who trains."""
    text = "who trains: this process, or workers on a Ray cluster (default: %(default)s)"
    parser.add_argument("--engine", choices=tuple(ENGINES), default="local", help=text)
    text = "with --engine=ray: auto, HOST:PORT or ray://HOST:PORT (default: a cluster is started on this machine)"
    parser.add_argument("--address", metavar="ADDRESS", help=text)
    _add_workers(parser, "with --engine=ray: ")
    parser.set_defaults(**ALONE)


def _add_workers(parser: argparse.ArgumentParser, when: str = "") -> None:
    """Flags about workers; `when` says where they count."""
    text = f"{when}devices of a worker (default: one GPU; all TPU chips or cores of the smallest node)"
    parser.add_argument("--devices", type=int, metavar="N", help=text)
    text = f"{when}seconds for a worker to start, and later to say a word (default: 60)"
    parser.add_argument("--patience", type=float, metavar="SECONDS", help=text)


def _add_hosts(parser: argparse.ArgumentParser) -> None:
    """Flags about one program on the devices of several hosts."""
    text = "cells larger than a host: this process is one of several, of which process 0 listens there; or auto"
    parser.add_argument("--coordinator", metavar="HOST:PORT", help=text)
    text = "with --coordinator: how many there are (default: the cluster's environment says)"
    parser.add_argument("--processes", type=int, metavar="N", help=text)
    text = "with --coordinator: which one this is, from 0 (default: the cluster's environment says)"
    parser.add_argument("--process", type=int, metavar="K", help=text)


def _add_study(parser: argparse.ArgumentParser) -> None:
    """Flags about what is trained, wherever that happens."""
    text = "where results go (default: results/<experiment>)"
    parser.add_argument("--workdir", type=_folder, metavar="DIR", help=text)
    parser.add_argument("--strategy", choices=tuple(STRATEGIES), help="how programs run; chosen if not given")
    parser.add_argument("--retry-failed", action="store_true", help="train failed cells again")
    text = "add seeds in stages to the arms that have no verdict yet"
    parser.add_argument("--until-decided", action="store_true", help=text)
    text = "with --until-decided: seeds at the last stage (default: 24)"
    parser.add_argument("--max-seeds", type=int, metavar="N", help=text)
    text = "write curves and hyperparameters for TensorBoard too"
    parser.add_argument("--tensorboard", action="store_true", help=text)


def _run(commands) -> None:
    text = "train what is missing, then report; the same command again continues"
    parser = _configured(commands, "run", training.run, text)
    _add_study(parser)
    parser.add_argument("--measure", action="store_true", help="afterwards time every arm in a program of its own")
    _add_engine(parser)
    _add_hosts(parser)


def _confirm(commands) -> None:
    text = "the winners of a study and its baseline again, on fresh seeds; the same command again continues"
    parser = _plain(commands, "confirm", training.confirm, text)
    parser.add_argument("directory", type=Path, metavar="DIR", help="a directory that `ablate run` wrote, to its end")
    text = "an arm instead, better or not; may be repeated"
    parser.add_argument("--arm", action="append", default=[], metavar="NAME", help=text)
    parser.add_argument("--seeds", type=int, metavar="N", help="fresh seeds (default: as many as the study has)")
    parser.add_argument("--workdir", type=_folder, metavar="DIR", help="where results go (default: DIR/confirm)")
    parser.add_argument("--retry-failed", action="store_true", help="train failed cells again")
    _add_engine(parser)


def _variance(commands) -> None:
    text = "where the spread comes from: the baseline with one stream of randomness each, and the seeds it takes"
    parser = _configured(commands, "variance", training.variance, text)
    parser.add_argument("--seeds", type=int, default=10, metavar="N", help="runs per stream (default: %(default)s)")
    text = "where results go (default: results/variance_<experiment>)"
    parser.add_argument("--workdir", type=_folder, metavar="DIR", help=text)
    parser.add_argument("--json", action="store_true", help="one JSON object, that of variance.json")
    _add_engine(parser)


def _slurm(commands) -> None:
    text = "write a batch script that runs a study on the nodes of one Slurm job; submits nothing"
    parser = _configured(commands, "slurm", looking.slurm, text)
    parser.set_defaults(engine="ray", address=None, measure=False, **ALONE)
    parser.add_argument("--nodes", type=int, required=True, metavar="N", help="nodes of the job")
    parser.add_argument("--gres", metavar="GRES", help="of every node, such as gpu:4 or gpu:a100:4")
    parser.add_argument("--cpus-per-task", type=int, metavar="N", help="cores of every node (default: Slurm's)")
    text = "limit, at which the job stops, goes back to the queue and continues (default: %(default)s)"
    parser.add_argument("--time", default="04:00:00", metavar="TIME", help=text)
    parser.add_argument("--partition", metavar="NAME", help="where it queues (default: Slurm's)")
    text = "a further option of sbatch, such as account=me or exclusive; may be repeated"
    parser.add_argument("--sbatch", action="append", default=[], metavar="KEY[=VALUE]", help=text)
    _add_workers(parser)
    text = "where the script goes, - for stdout (default: <experiment>.sbatch)"
    parser.add_argument("--out", type=_folder, metavar="FILE", help=text)
    parser.add_argument("--overwrite", action="store_true", help="replace another file, or a script that was changed")
    _add_study(parser)


def _status(commands) -> None:
    text = "what is done, running, failed, diverged, left; works while a run goes on"
    parser = _plain(commands, "status", reading.status, text)
    parser.add_argument("directory", type=Path, metavar="DIR", help="a directory that `ablate run` wrote")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def _report(commands) -> None:
    text = "write all reports again from the stored rows, and compare several studies; runs no config"
    parser = _plain(commands, "report", reading.report, text)
    parser.add_argument("directories", nargs="+", type=Path, metavar="DIR", help="directories that `ablate run` wrote")
    parser.add_argument("--out", type=Path, help="where the comparison goes (default: results/comparison)")
    text = "the two are versions of one study: compare arm with arm, seed by seed"
    parser.add_argument("--versions", action="store_true", help=text)
    parser.add_argument("--to", choices=tuple(TRACKERS), help="send cells and verdicts to this tracker, too")


def _predict(commands) -> None:
    text = "what a kept cell predicts for every example, as CSV; trains nothing"
    parser = _plain(commands, "predict", reading.predict, text)
    parser.add_argument("directory", type=Path, metavar="DIR", help="a study that ran with train.keep_weights=True")
    parser.add_argument("--arm", required=True, help="name of the arm, as in the report")
    parser.add_argument("--seed", type=int, help="seed of the cell (default: the study's first)")
    text = "NAME, 'NAME(argument=value)', FILE.csv or .npz (default: the study's test examples)"
    parser.add_argument("--data", default="", help=text)
    text = "where the CSV goes, - for stdout (default: DIR/predictions/)"
    parser.add_argument("--out", type=_folder, metavar="FILE", help=text)


def _clean(commands) -> None:
    text = (
        "which training labels are probably wrong, by models trained on other folds; the same command again continues"
    )
    parser = _configured(commands, "clean", ensembles.clean, text)
    text = "parts of a partition; each seed leaves one out (default: %(default)s)"
    parser.add_argument("--folds", type=int, default=5, metavar="K", help=text)
    text = (
        "a model learns from the rest and judges its fold, or from one fold and judges the rest (default: %(default)s)"
    )
    parser.add_argument("--train-on", default="rest", choices=TRAINED_ON, help=text)
    text = "partitions, each with models of its own (default: %(default)s)"
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help=text)
    text = "an answer that agrees with the label is a doubt below this probability (default: %(default)s, none)"
    parser.add_argument("--score", type=float, default=0.0, metavar="P", help=text)
    text = "doubts from which an example is listed (default: all of its tests)"
    parser.add_argument("--picked", type=_positive, metavar="N", help=text)
    _add_of(parser, "logits")
    parser.add_argument(
        "--workdir", type=_folder, metavar="DIR", help="where results go (default: results/clean_<experiment>)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    _add_engine(parser)


def _add_of(parser: argparse.ArgumentParser, default: str) -> None:
    text = "what is averaged over cells (default: %(default)s)"
    parser.add_argument("--of", default=default, choices=("probabilities", "logits"), help=text)


def _mine(commands) -> None:
    text = "which examples of a pool are worth a look: where a production model and an ensemble do not surely agree"
    parser = _plain(commands, "mine", ensembles.mine, text)
    parser.add_argument("directory", type=Path, metavar="DIR", help="a study that ran with train.keep_weights=True")
    text = "the pool: NAME, 'NAME(argument=value)', FILE.csv or .npz; needs no labels, and if any, then the study's"
    parser.add_argument("--pool", required=True, metavar="DATA", help=text)
    text = "the model in use: an arm of the study, or a CSV with a column predicted, a line per example of the pool"
    parser.add_argument("--production", required=True, metavar="ARM|FILE.csv", help=text)
    text = "of the production model, where it is an arm (default: the study's first)"
    parser.add_argument("--production-seed", type=int, metavar="SEED", help=text)
    _add_cells(parser, "all but the production model")
    text = "an agreed label is left out from this probability on (default: %(default)s)"
    parser.add_argument("--score", type=float, default=0.9, metavar="P", help=text)
    _add_of(parser, "logits")
    text = "where the table goes, and beside it the page of pictures (default: DIR/mine.csv)"
    parser.add_argument("--out", type=_csv, metavar="FILE.csv", help=text)


def _fuse(commands) -> None:
    text = "the weighted mean of what kept cells predict, with its metric beside the members'"
    parser = _plain(commands, "fuse", ensembles.fuse, text)
    parser.add_argument("directory", type=Path, metavar="DIR", help="a study that ran with train.keep_weights=True")
    _add_cells(parser, "the baseline")
    text = "seeds in one fusion (default: all of one arm; one of several arms, seed by seed)"
    parser.add_argument("--at-once", type=_positive, metavar="N", help=text)
    text = "weights of the arms, in their order (default: equal)"
    parser.add_argument("--weights", type=float, nargs="+", metavar="W", help=text)
    _add_of(parser, "probabilities")
    text = "NAME, 'NAME(argument=value)', FILE.csv or .npz (default: the study's test examples)"
    parser.add_argument("--data", default="", help=text)
    parser.add_argument(
        "--out", type=_folder, metavar="FILE", help="the predictions of one fusion as CSV, - for stdout"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")


def _add_cells(parser: argparse.ArgumentParser, default: str) -> None:
    """Which kept cells are asked."""
    text = f"an arm whose cells are asked; may be repeated (default: {default})"
    parser.add_argument("--arm", action="append", default=[], metavar="NAME", help=text)
    text = "a seed of these cells; may be repeated (default: all)"
    parser.add_argument("--seed", action="append", type=int, default=[], metavar="SEED", help=text)


def _verdict(commands) -> None:
    text = "the whole report for runs that were trained elsewhere, from a CSV with a line per run; trains nothing"
    parser = _plain(commands, "verdict", reading.verdict, text, RUNS)
    parser.add_argument("table", type=_folder, metavar="FILE.csv", help="commas, semicolons, tabs or | between entries")
    for name, help_ in {
        "arm": "the column that says what was tried",
        "seed": "the column with the seed, any text or number",
        "metric": "the column with the number that decides",
    }.items():
        parser.add_argument(f"--{name}", required=True, metavar="COLUMN", help=help_)
    text = "the column that says how a run ended (default: all finished)"
    parser.add_argument("--status", metavar="COLUMN", help=text)
    parser.add_argument("--baseline", metavar="NAME", help="the arm to compare with (default: baseline)")
    parser.add_argument("--lower-is-better", action="store_true", help="the metric is an error or a loss")
    parser.add_argument("--margin", type=float, help="largest difference that counts as none (default: none declared)")
    parser.add_argument("--alpha", type=float, default=0.05, help="family-wise error rate (default: %(default)s)")
    parser.add_argument("--workdir", type=_folder, metavar="DIR", help="where the report goes; without it, none")
    parser.add_argument("--json", action="store_true", help="one JSON object with a list arms")


# In the order of `ablate --help`: before training, training, afterwards.
COMMANDS = (
    _new, _plan, _check, _probe, _tricks, _run, _slurm, _confirm, _variance, _clean, _status, _report, _predict, _fuse,
    _mine, _verdict,
)  # fmt: skip
