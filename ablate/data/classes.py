"""How many examples of each class: shares of a split, the long tail of an imbalanced set, copies of weak classes.

Pure functions of labels and of an order that the caller draws; "the first" of a class are those first in that order.
"""

import numpy as np
from jaxtyping import Bool, Int, Int32


def ranks(labels: Int32[np.ndarray, " examples"]) -> Int[np.ndarray, " examples"]:
    """For each entry, how many of the same label stand before it.

    Args:
        labels: in any order.

    Returns:
        A number from 0 for every entry.

    Example:
        >>> ranks(np.array([1, 0, 1, 1], np.int32)).tolist()
        [0, 0, 1, 2]
    """
    order = np.argsort(labels, kind="stable")
    before = np.empty(len(labels), np.int64)
    before[order] = np.arange(len(labels)) - np.searchsorted(labels[order], labels[order])
    return before


def quotas(labels: Int32[np.ndarray, " examples"], count: int) -> Int[np.ndarray, " classes"]:
    """How many of each class make `count` in all, each in proportion to its size, by largest remainders.

        q_k = floor(count * n_k / n), and 1 more for the classes with the largest remainders, the first of equal ones

    Args:
        labels: of all examples, from 0.
        count: how many to take, 0 to all.

    Returns:
        A number for every class up to the largest label, in sum `count`.

    Example:
        >>> quotas(np.array([0] * 5 + [1] * 3 + [2] * 2, np.int32), 4).tolist()
        [2, 1, 1]
    """
    sizes = np.bincount(labels)
    quota, rest = np.divmod(count * sizes, len(labels))
    quota[np.argsort(-rest, kind="stable")[: count - quota.sum()]] += 1
    return quota


def stratified(
    order: Int32[np.ndarray, " order"], labels: Int32[np.ndarray, " examples"] | None, count: int
) -> Bool[np.ndarray, " order"]:
    """Which places of a shuffled order are held out: the first of each class, as many as `quotas` says.

    Args:
        order: positions of the examples to choose from.
        labels: of all examples, by position; None takes the first `count` of the order.
        count: how many to hold out.

    Returns:
        A mask over the order.

    Example:
        >>> stratified(np.array([3, 1, 0, 2], np.int32), np.array([0, 0, 1, 1], np.int32), 2).tolist()
        [True, True, False, False]
    """
    if labels is None:
        return np.arange(len(order)) < count
    shuffled = labels[order]
    return ranks(shuffled) < quotas(shuffled, count)[shuffled]


def fold_of(
    order: Int32[np.ndarray, " order"], labels: Int32[np.ndarray, " examples"] | None, folds: int
) -> Int[np.ndarray, " order"]:
    """To which part of a partition each place of a shuffled order belongs: the examples of each class in turn.

    Args:
        order: positions of the examples to part.
        labels: of all examples, by position; None deals the order out as it is.
        folds: how many parts.

    Returns:
        A number from 0 to folds - 1 for every place; sizes of parts, and of a class in them, differ by 1 at most.

    Example:
        >>> fold_of(np.array([3, 1, 0, 2], np.int32), np.array([0, 0, 1, 1], np.int32), 2).tolist()
        [0, 0, 1, 1]
    """
    by_class = np.arange(len(order)) if labels is None else np.argsort(labels[order], kind="stable")
    fold = np.empty(len(order), np.int64)
    fold[by_class] = np.arange(len(order)) % folds
    return fold


def long_tail(largest: int, classes: int, ratio: float) -> Int[np.ndarray, " classes"]:
    """Examples per class when their numbers fall exponentially from the first class to the last.

        n_k = max(1, floor(n_max * ratio^(-k / (K - 1)))),    k = 0..K-1

    Args:
        largest: n_max, examples of the first class.
        classes: K.
        ratio: of the first class to the last, at least 1.

    Returns:
        n_k; all n_max at ratio 1.

    Example:
        >>> long_tail(5000, 10, 100.0).tolist()  # CIFAR-10-LT
        [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]

    References:
        Cui, Jia, Lin, Song, Belongie. Class-Balanced Loss Based on Effective Number of Samples. 2019.
        https://arxiv.org/abs/1901.05555
        Cao, Wei, Gaidon, Arechiga, Ma. Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss. 2019.
        https://arxiv.org/abs/1906.07413
    """
    exact = largest * ratio ** -(np.arange(classes) / max(classes - 1, 1))
    # 600 / 3 may come out as 199.99999999999997, which is 200.
    return np.maximum(np.floor(exact * (1 + 1e-12)), 1).astype(np.int64)


def oversampled(
    train: Int32[np.ndarray, " train"], labels: Int32[np.ndarray, " pool"], share: float
) -> Int32[np.ndarray, " filled"]:
    """Training examples with those of weak classes repeated; copies stand side by side.

        m_k = round(n_k^(1 - share) * n_max^share)

    Between the two ends counts are interpolated geometrically, so that a ratio r of two classes becomes r^(1 - share):
    1/2 gives each class a number in proportion to its square root, known as square-root sampling. Each example of a
    class is there m_k // n_k times; the first m_k mod n_k of the order once more.

    Args:
        train: positions in the pool, in shuffled order.
        labels: of the whole pool.
        share: 0 (as they are) to 1 (all classes as large as the largest).

    Returns:
        Positions in the pool. A class without an example stays without.

    Example:
        >>> oversampled(np.array([2, 0, 1, 3], np.int32), np.array([0, 0, 0, 1], np.int32), 1.0).tolist()
        [2, 0, 1, 3, 3, 3]

    References:
        Kang, Xie, Rohrbach, Yan, Gordo, Feng, Kalantidis. Decoupling Representation and Classifier for Long-Tailed
        Recognition. 2019. https://arxiv.org/abs/1910.09217
    """
    own = labels[train]
    sizes = np.bincount(own)
    wanted = np.rint(sizes ** (1 - share) * sizes.max(initial=0) ** share).astype(np.int64)
    times, more = np.divmod(wanted, np.maximum(sizes, 1))
    return np.repeat(train, times[own] + (ranks(own) < more[own]))
