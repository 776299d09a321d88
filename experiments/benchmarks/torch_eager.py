"""The works as a PyTorch user writes them: a loop over cells, eager, channels-last, data in memory.

    python experiments/benchmarks/torch_eager.py WORK DATA.npz [CELL ...]

Prints the mean test accuracy of the cells that it trained, all if none are named. Imports nothing of ablate.
"""

import itertools
import json
import sys

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, before: int, width: int, stride: int):
        super().__init__()
        self.first = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(width), nn.BatchNorm2d(width)])
        self.shortcut = nn.Identity()
        if stride > 1 or before != width:
            self.shortcut = nn.Sequential(nn.Conv2d(before, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norms[1](self.second(F.relu(self.norms[0](self.first(x)))))
        return F.relu(y + self.shortcut(x))


def network(work: dict) -> nn.Module:
    """A new network."""
    widths = work["widths"]
    if work["model"] == "mlp":
        sizes = [work["side"] ** 2, *widths]
        layers = [(nn.Linear(a, b), nn.BatchNorm1d(b), nn.ReLU()) for a, b in itertools.pairwise(sizes)]
        return nn.Sequential(nn.Flatten(), *itertools.chain(*layers), nn.Linear(widths[-1], 10))
    begin = (nn.Conv2d(1, widths[0], 3, 1, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU())
    blocks = [Block(a, b, 1 if k == 0 else 2) for k, (a, b) in enumerate(itertools.pairwise([widths[0], *widths]))]
    model = nn.Sequential(*begin, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], 10))
    return model.to(memory_format=torch.channels_last)


@torch.inference_mode()
def accuracy(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """The share of images whose label is predicted."""
    model.eval()
    right = sum((model(x).argmax(1) == y).sum().item() for x, y in zip(images.split(500), labels.split(500)))
    model.train()
    return right / len(labels)


def train(work: dict, data: dict[str, torch.Tensor], rate: float, seed: int) -> float:
    """One cell; its test accuracy."""
    torch.manual_seed(seed)
    model = network(work)
    optimizer = torch.optim.SGD(model.parameters(), rate, momentum=work["momentum"], weight_decay=work["decay"])
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, work["steps"])
    order = torch.randperm(len(data["train_x"]))
    for step in range(work["steps"]):
        if step % work["every"] == 0:
            accuracy(model, data["val_x"], data["val_y"])
        begin = step * work["batch"] % (len(order) - work["batch"])
        index = order[begin : begin + work["batch"]]
        loss = F.cross_entropy(model(data["train_x"][index]), data["train_y"][index], label_smoothing=work["smoothing"])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), work["clip"])
        optimizer.step()
        schedule.step()
    accuracy(model, data["val_x"], data["val_y"])
    return accuracy(model, data["test_x"], data["test_y"])


def main() -> None:
    """All cells, or those whose numbers are given."""
    work = json.loads(sys.argv[1])
    arrays = {name: torch.from_numpy(array) for name, array in np.load(sys.argv[2]).items()}
    data = {
        name: array.to(memory_format=torch.channels_last) if array.ndim == 4 and work["model"] != "mlp" else array
        for name, array in arrays.items()
    }
    cells = list(itertools.product(work["rates"], range(work["seeds"])))
    if len(sys.argv) > 3:  # one of several processes
        torch.set_num_threads(1)
        cells = [cells[int(k)] for k in sys.argv[3:]]
    print(f"{np.mean([train(work, data, rate, seed) for rate, seed in cells]):.4f}")


if __name__ == "__main__":
    main()
