"""A multilayer perceptron of the works as torch.func trains many at once: stacked parameters, one vmapped step.

    python experiments/benchmarks/torch_ensemble.py WORK DATA.npz

torch.func cannot update running statistics under vmap, so batch norm uses those of the batch at evaluation too: less
work than the others do, and another result at evaluation. Everything else is as in `torch_eager.py`.
"""

import itertools
import json
import math
import sys

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap


def network(work: dict, seed: int) -> nn.Module:
    """A new network."""
    torch.manual_seed(seed)
    sizes = [work["side"] ** 2, *work["widths"]]
    norm = lambda width: nn.BatchNorm1d(width, track_running_stats=False)  # noqa: E731
    layers = [(nn.Linear(a, b), norm(b), nn.ReLU()) for a, b in itertools.pairwise(sizes)]
    return nn.Sequential(nn.Flatten(), *itertools.chain(*layers), nn.Linear(sizes[-1], 10))


def main() -> None:
    """All cells at once."""
    work = json.loads(sys.argv[1])
    data = {name: torch.from_numpy(array) for name, array in np.load(sys.argv[2]).items()}
    cells = list(itertools.product(work["rates"], range(work["seeds"])))
    models = [network(work, seed) for _, seed in cells]
    params, _ = stack_module_state(models)
    params = {name: value.detach() for name, value in params.items()}
    moments = {name: torch.zeros_like(value) for name, value in params.items()}
    rates = torch.tensor([rate for rate, _ in cells])
    orders = [torch.from_numpy(np.random.default_rng(seed).permutation(len(data["train_x"]))) for _, seed in cells]

    def loss_of(own, images, labels):
        logits = functional_call(models[0], own, (images,))
        return F.cross_entropy(logits, labels, label_smoothing=work["smoothing"])

    gradients = vmap(grad(loss_of))

    def wide(value, like):
        return value.reshape(-1, *(1,) * (like.ndim - 1))

    @torch.inference_mode()
    def accuracy(images, labels):
        predict = vmap(lambda own, x: functional_call(models[0], own, (x,)), (0, None))
        parts = zip(images.split(500), labels.split(500))
        return sum((predict(params, x).argmax(-1) == y).sum(1) for x, y in parts) / len(labels)

    for step in range(work["steps"]):
        if step % work["every"] == 0:
            accuracy(data["val_x"], data["val_y"])
        begin = step * work["batch"] % (len(orders[0]) - work["batch"])
        index = torch.stack([order[begin : begin + work["batch"]] for order in orders])
        found = gradients(params, data["train_x"][index], data["train_y"][index])
        norms = sum(value.flatten(1).square().sum(1) for value in found.values()).sqrt()
        clip = (work["clip"] / (norms + 1e-6)).clamp(max=1.0)
        factor = rates * 0.5 * (1 + math.cos(math.pi * step / work["steps"]))
        for name, value in params.items():
            update = found[name] * wide(clip, value) + work["decay"] * value
            moments[name] = work["momentum"] * moments[name] + update
            params[name] = value - wide(factor, value) * moments[name]
    accuracy(data["val_x"], data["val_y"])
    print(f"{accuracy(data['test_x'], data['test_y']).mean():.4f}")


if __name__ == "__main__":
    main()
