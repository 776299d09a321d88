"""Optimizers in float64 numpy, transcribed from their papers: a step of each parameter, or of all of them together."""

import numpy as np


def gradient(w):
    return np.sin(2 * w) + 0.5 * w


def each(step):
    """20 steps, say, of every parameter by itself; `memory` is what a step leaves for the next."""

    def run(start, steps):
        params, memories = dict(start), {name: {} for name in start}
        for t in range(1, steps + 1):
            for name, w in params.items():
                params[name] = step(w, gradient(w), memories[name], t)
        return params

    return run


def together(step):
    """The same for steps that take all parameters as one vector."""

    def run(start, steps):
        names, memory = list(start), {}
        sizes = np.cumsum([start[name].size for name in names])[:-1]
        w = np.concatenate([start[name].ravel() for name in names])
        for t in range(1, steps + 1):
            w = step(w, gradient(w), memory, t)
        return {n: v.reshape(start[n].shape) for n, v in zip(names, np.split(w, sizes), strict=True)}

    return run


def mean(memory, name, x, beta, first=0.0):
    """A running mean that begins at `first`."""
    memory[name] = beta * memory.get(name, first) + (1 - beta) * x
    return memory[name]


def sgd(lr):
    return each(lambda w, g, memory, t: w - lr * g)


def momentum(lr, beta, rate=None):
    def step(w, g, memory, t):
        memory["v"] = beta * memory.get("v", 0.0) - (rate(t) if rate else lr) * g
        return w + memory["v"]

    return each(step)


def nesterov(lr, beta):
    def step(w, g, memory, t):  # PyTorch's form, with the rate outside
        memory["b"] = beta * memory.get("b", 0.0) + g
        return w - lr * (g + beta * memory["b"])

    return each(step)


def normalized_gradient(lr):
    return together(lambda w, g, memory, t: w - lr * g / np.sqrt(np.sum(g**2)))


def lion(lr, beta1, beta2):
    def step(w, g, memory, t):
        direction = np.sign(beta1 * memory.get("m", 0.0) + (1 - beta1) * g)
        mean(memory, "m", g, beta2)
        return w - lr * direction

    return each(step)


def adagrad(lr, initial, epsilon):
    def step(w, g, memory, t):
        memory["r"] = memory.get("r", initial) + g**2
        return w - lr * g / np.sqrt(memory["r"] + epsilon)

    return each(step)


def adadelta(lr, beta, epsilon):
    def step(w, g, memory, t):
        r = mean(memory, "r", g**2, beta)
        u = np.sqrt(memory.get("s", 0.0) + epsilon) / np.sqrt(r + epsilon) * g
        mean(memory, "s", u**2, beta)
        return w - lr * u

    return each(step)


def rmsprop(lr, beta, epsilon):
    return each(lambda w, g, memory, t: w - lr * g / np.sqrt(mean(memory, "r", g**2, beta) + epsilon))


def adam_direction(g, memory, t, beta1, beta2, epsilon):
    m, v = mean(memory, "m", g, beta1), mean(memory, "v", g**2, beta2)
    return m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + epsilon)


def adam(lr, beta1, beta2, epsilon, decay=0.0):
    """With decoupled decay of matrices alone."""

    def step(w, g, memory, t):
        return w - lr * (adam_direction(g, memory, t, beta1, beta2, epsilon) + (w.ndim > 1) * decay * w)

    return each(step)


def nadam(lr, beta1, beta2, epsilon):
    def step(w, g, memory, t):
        m, v = mean(memory, "m", g, beta1), mean(memory, "v", g**2, beta2)
        ahead = beta1 * m / (1 - beta1 ** (t + 1)) + (1 - beta1) * g / (1 - beta1**t)
        return w - lr * ahead / (np.sqrt(v / (1 - beta2**t)) + epsilon)

    return each(step)


def amsgrad(lr, beta1, beta2, epsilon):
    def step(w, g, memory, t):
        m, v = mean(memory, "m", g, beta1), mean(memory, "v", g**2, beta2)
        memory["n"] = np.maximum(memory.get("n", 0.0), v / (1 - beta2**t))
        return w - lr * m / (1 - beta1**t) / (np.sqrt(memory["n"]) + epsilon)

    return each(step)


def adamax(lr, beta1, beta2, epsilon):
    def step(w, g, memory, t):
        m = mean(memory, "m", g, beta1)
        memory["u"] = np.maximum(beta2 * memory.get("u", 0.0), np.abs(g) + epsilon)
        return w - lr * m / (1 - beta1**t) / memory["u"]

    return each(step)


def radam(lr, beta1, beta2, epsilon):
    longest = 2 / (1 - beta2) - 1

    def step(w, g, memory, t):
        m, v = mean(memory, "m", g, beta1) / (1 - beta1**t), mean(memory, "v", g**2, beta2)
        length = longest - 2 * t * beta2**t / (1 - beta2**t)
        if length < 5:
            return w - lr * m
        r = np.sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length))
        return w - lr * r * m / (np.sqrt(v / (1 - beta2**t)) + epsilon)

    return each(step)


def adabelief(lr, beta1, beta2, epsilon):
    def step(w, g, memory, t):
        m = mean(memory, "m", g, beta1)
        memory["s"] = mean(memory, "s", (g - m) ** 2, beta2) + epsilon
        return w - lr * m / (1 - beta1**t) / (np.sqrt(memory["s"] / (1 - beta2**t)) + epsilon)

    return each(step)


def yogi(lr, beta1, beta2, epsilon, initial):
    def step(w, g, memory, t):
        m, v = mean(memory, "m", g, beta1, initial), memory.get("v", initial)
        v = memory["v"] = v - (1 - beta2) * np.sign(v - g**2) * g**2
        return w - lr * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + epsilon)

    return each(step)


def norm(x):
    return np.sqrt(np.sum(x**2))


def lars(lr, beta, trust, decay, biases):
    def step(w, g, memory, t):
        if w.ndim > 1 or biases:
            g = g + decay * w
            g = trust * norm(w) / norm(g) * g
        memory["v"] = beta * memory.get("v", 0.0) - lr * g
        return w + memory["v"]

    return each(step)


def lamb(lr, beta1, beta2, epsilon, decay, biases):
    def step(w, g, memory, t):
        d = adam_direction(g, memory, t, beta1, beta2, epsilon)
        if w.ndim > 1 or biases:
            d = d + decay * w
            d = norm(w) / norm(d) * d
        return w - lr * d

    return each(step)


def adafactor(lr, power, clip, epsilon, relative, factored):
    def step(w, g, memory, t):
        beta, square = 1 - t**-power, g**2 + epsilon
        if factored and w.ndim == 2:
            row = mean(memory, "row", square.mean(1), beta)
            column = mean(memory, "column", square.mean(0), beta)
            v = np.outer(row, column) / row.mean()
        else:
            v = mean(memory, "v", square, beta)
        u = g / np.sqrt(v)
        scale = max(1e-3, np.sqrt(np.mean(w**2))) if relative else 1
        return w - lr * scale * u / max(1, np.sqrt(np.mean(u**2)) / clip)

    return each(step)


def newton_schulz(x, iterations):
    """The polynomial acts on the singular values alone, so here it is applied to them."""
    u, sizes, v = np.linalg.svd(x / (norm(x) + 1e-8), full_matrices=False)
    for _ in range(iterations):
        sizes = 3.4445 * sizes - 4.775 * sizes**3 + 2.0315 * sizes**5
    return u @ np.diag(sizes) @ v


def muon(lr, beta, adam_rate, iterations):
    def step(w, g, memory, t):
        if w.ndim != 2:
            return w - lr * adam_rate * adam_direction(g, memory, t, 0.9, 0.999, 1e-8)
        m = mean(memory, "m", g, beta)
        ahead = beta * m / (1 - beta ** (t + 1)) + (1 - beta) * g / (1 - beta**t)
        return w - lr * np.sqrt(max(1, w.shape[1] / w.shape[0])) * newton_schulz(ahead, iterations)

    return each(step)


def lookahead(lr, period, slow, beta=0.9):
    def step(w, g, memory, t):
        memory.setdefault("s", w)
        memory["v"] = beta * memory.get("v", 0.0) - lr * g
        w = w + memory["v"]
        if t % period == 0:
            w = memory["s"] = memory["s"] + slow * (w - memory["s"])
        return w

    return each(step)


def schedule_free(rate, beta, power, adaptive=False, evaluated=False):
    """The paper's three sequences; `evaluated` gives x in place of y."""

    def run(start, steps):
        z, x, y = dict(start), dict(start), dict(start)
        total, highest, squares = 0.0, 0.0, {name: 0.0 for name in start}
        for t in range(1, steps + 1):
            highest = max(highest, rate(t))
            total += highest**power
            share = highest**power / total
            for name in start:
                g = gradient(y[name])
                squares[name] = 0.999 * squares[name] + 0.001 * g**2
                scale = np.sqrt(squares[name] / (1 - 0.999**t)) + 1e-8 if adaptive else 1.0
                z[name] = z[name] - rate(t) * g / scale
                x[name] = (1 - share) * x[name] + share * z[name]
                y[name] = (1 - beta) * z[name] + beta * x[name]
        return x if evaluated else y

    return run


def prodigy(lr, beta1, beta2, epsilon, initial, factor):
    def step(w, g, memory, t):
        start, d = memory.setdefault("start", w), memory.get("d", initial)
        rate = lr * d * np.sqrt(1 - beta2**t) / (1 - beta1**t)
        m, v = mean(memory, "m", d * g, beta1), mean(memory, "v", (d * g) ** 2, beta2)
        memory["r"] = np.sqrt(beta2) * memory.get("r", 0.0) + rate * d * np.dot(g, start - w)
        memory["s"] = np.sqrt(beta2) * memory.get("s", 0.0) + rate * d * g
        memory["d"] = max(d, factor * memory["r"] / np.sum(np.abs(memory["s"])))
        return w - rate * m / (np.sqrt(v) + memory["d"] * epsilon)

    return together(step)


def lbfgs(lr, size, note=lambda t: None):
    """The inverse Hessian as a matrix; `note` hears of the steps that begin anew."""

    def step(w, g, memory, t):
        pairs = memory.setdefault("pairs", [])
        if "w" in memory:
            p, q = w - memory["w"], g - memory["g"]
            if q @ p > 0:
                pairs.append((p, q))
            else:
                pairs.clear()
                note(t)
        memory["w"], memory["g"] = w, g
        if not pairs:
            return w - lr * g * min(1, 1 / norm(g))
        p, q = pairs[-1]
        inverse = (p @ q) / (q @ q) * np.eye(w.size)
        for p, q in pairs[-size:]:
            turn = np.eye(w.size) - np.outer(q, p) / (q @ p)
            inverse = turn.T @ inverse @ turn + np.outer(p, p) / (q @ p)
        return w - lr * inverse @ g

    return together(step)
