"""Models of a single layer, one table a kind; `all_layers()` is the whole list."""
from . import aliases, convolutions, elementwise, floats, movement, pooling, products, proven, quantizing, reductions, rewritten, windows


def all_layers():
    layers = [layer for module in (convolutions, elementwise, pooling, windows, movement, quantizing, floats, products, reductions,
                                   aliases, rewritten, proven)
              for layer in module.LAYERS]
    names = [layer.name for layer in layers]
    twice = {n for n in names if names.count(n) > 1}
    if twice:
        raise ValueError("layers of the same name: " + ", ".join(sorted(twice)))
    return layers
