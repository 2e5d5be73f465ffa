"""Small modules whose traces follow a size of their input, or have it as a number.

Each class states its own case:
  example   the shapes that it is traced with
  specs     --input for them, with the sizes that are to stay open
  other     shapes to try the exported model with
  follows   the trace answers at `other` what the module does; what is exported may neither fail nor be warned of
  hidden    nothing in the trace tells that it does not follow; only the record of the traced inputs does, or
            nothing at all ("always")
"""
import math

import torch
import torch.nn.functional as F
from torch import nn

CASES = {}


def case(example, specs, other, follows=False, hidden=None):
    def add(cls):
        cls.example, cls.specs, cls.other, cls.follows, cls.hidden = example, specs, other, follows, hidden
        CASES[cls.__name__] = cls
        return cls
    return add


def tokens(**more):
    """A batch of sequences, both sizes open."""
    return case([(4, 5, 16)], ["float32[N,T,16]"], [(3, 8, 16)], **more)


def sequences(**more):
    """Sequences of open length in a batch of fixed size."""
    return case([(4, 5, 16)], ["float32[4,T,16]"], [(4, 10, 16)], **more)


def images(**more):
    return case([(2, 3, 32, 32)], ["float32[N,3,H,W]"], [(3, 3, 64, 96)], **more)


def features(**more):
    return case([(2, 8, 6, 6)], ["float32[N,8,H,W]"], [(3, 8, 8, 6)], **more)


class Layer(nn.Module):
    def __init__(self, inputs=16, outputs=16):
        super().__init__()
        self.layer = nn.Linear(inputs, outputs)


# ---- Loops over a dimension

class Cell(nn.Module):
    def __init__(self):
        super().__init__()
        self.input, self.state = nn.Linear(16, 16), nn.Linear(16, 16)

    def step(self, x, h):
        return torch.tanh(self.input(x) + self.state(h))


@case([(5, 4, 16)], ["float32[T,B,16]"], [(8, 4, 16)])
class Recurrent(Cell):
    def forward(self, x):
        h, steps = torch.zeros(x.shape[1], 16), []
        for t in range(x.shape[0]):
            h = self.step(x[t], h)
            steps.append(h)
        return torch.stack(steps), h


@sequences()
class RecurrentOverUnbind(Cell):
    def forward(self, x):
        h = torch.zeros(4, 16)
        for xt in torch.unbind(x, 1):
            h = self.step(xt, h)
        return h


@sequences()
class RecurrentBehindALayer(Cell):
    def forward(self, x):
        y, h = torch.relu(self.input(x)), torch.zeros(4, 16)
        for t in range(x.shape[1]):
            h = self.step(y[:, t], h)
        return h


@sequences()
class RecurrentOverSlices(Cell):
    def forward(self, x):
        h = torch.zeros(4, 1, 16)
        for t in range(x.shape[1]):
            h = self.step(x[:, t:t + 1], h)
        return h


@sequences()
class RecurrentBackwards(Cell):
    def forward(self, x):
        h = torch.zeros(4, 16)
        for t in reversed(range(x.shape[1])):
            h = self.step(x[:, t], h)
        return h


@sequences()
class RecurrentFromTheEnd(Cell):
    def forward(self, x):
        h = torch.zeros(4, 16)
        for t in range(x.shape[1]):
            h = self.step(x[:, -1 - t], h)
        return h


@sequences()
class Chunks(Layer):
    def forward(self, x):
        return sum(self.layer(part) for part in x.chunk(x.shape[1], 1))


@sequences()
class Splits(Layer):
    def forward(self, x):
        return sum(self.layer(part) for part in x.split(1, 1))


@case([(1, 5, 16)], ["float32[N,5,16]"], [(3, 5, 16)])
class LoopOverABatchOfOne(Layer):
    def forward(self, x):
        return torch.stack([self.layer(x[i]) for i in range(x.shape[0])])


@case([(3, 5, 16)], ["float32[N,5,16]"], [(4, 5, 16)])
class LoopOverTheBatch(Layer):
    def forward(self, x):
        return torch.stack([self.layer(x[i]) for i in range(x.shape[0])])


# ---- Elements by number

@tokens(follows=True)
class FirstToken(Layer):
    def forward(self, x):
        return self.layer(torch.relu(x)[:, 0])


@tokens(follows=True)
class LastToken(Layer):
    def forward(self, x):
        return self.layer(x[:, -1]) + x[:, 0]


@tokens()
class LastTokenByNumber(Layer):
    def forward(self, x):
        return self.layer(x[:, int(x.shape[1]) - 1])


@tokens()
class FirstPart(Layer):
    def forward(self, x):
        return self.layer(x[:, :int(x.shape[1])])


@tokens()
class ReversedByIndices(Layer):
    def forward(self, x):
        return self.layer(x[:, torch.arange(int(x.shape[1]) - 1, -1, -1)])


@tokens(follows=True)
class Flipped(Layer):
    def forward(self, x):
        return self.layer(x.flip(1))


@tokens(follows=True)
class WithoutTheEnds(Layer):
    def forward(self, x):
        return self.layer(x[:, 1:-1]) + x[:, 2:] + x[:, :-2]


# ---- Positions and masks

class Positions(Layer):
    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.randn(1, 32, 16))


@tokens()
class PositionsByNumber(Positions):
    def forward(self, x):
        return self.layer(x + self.table[:, :int(x.shape[1])])


@tokens(follows=True)
class PositionsFollow(Positions):
    def forward(self, x):
        return self.layer(x + self.table[:, :x.shape[1]])


class Embeddings(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.places = nn.Embedding(10, 8), nn.Embedding(32, 8)


@case([(4, 5)], ["int64[N,T]"], [(3, 8)])
class PlacesByNumber(Embeddings):
    def forward(self, x):
        return self.words(x) + self.places(torch.arange(int(x.shape[1])))


@case([(4, 5)], ["int64[N,T]"], [(3, 8)])
class PlacesFollow(Embeddings):  # refused: arange over an open size is not supported yet
    def forward(self, x):
        return self.words(x) + self.places(torch.arange(x.size(1)))


class Masked(Layer):
    def __init__(self):
        super().__init__()
        self.register_buffer("mask", torch.triu(torch.full((32, 32), -1e4), 1))

    def attend(self, q, t):
        return (q @ q.transpose(1, 2) + self.mask[:t, :t]).softmax(-1) @ q


@tokens()
class MaskByNumber(Masked):
    def forward(self, x):
        return self.attend(self.layer(x), int(x.shape[1]))


@tokens(follows=True)
class MaskFollows(Masked):
    def forward(self, x):
        return self.attend(self.layer(x), x.shape[1])


@tokens()
class RampByNumber(Layer):
    def forward(self, x):
        return (self.layer(x) * torch.arange(int(x.shape[1]))[None, :, None].float()).sum(1)


# ---- Reshapes

@tokens()
class ViewByNumbers(Layer):
    def forward(self, x):
        return self.layer(x).view(int(x.shape[0]), int(x.shape[1]), 4, 4).transpose(1, 2)


@tokens(follows=True)
class ViewFollows(Layer):
    def forward(self, x):
        return self.layer(x).view(x.shape[0], x.shape[1], 4, 4).transpose(1, 2)


@case([(4, 8, 3, 3)], ["float32[N,8,3,3]"], [(3, 8, 3, 3)])
class BatchByNumber(nn.Module):
    def forward(self, x):
        return torch.relu(x).view(int(x.shape[0]), -1)


@case([(1, 8, 3, 3)], ["float32[N,8,3,3]"], [(3, 8, 3, 3)])
class BatchOfOneByNumber(BatchByNumber):
    pass


@case([(4, 8, 3, 3)], ["float32[N,8,3,3]"], [(3, 8, 3, 3)])
class BatchByNumberBeforeALayer(Layer):
    def __init__(self):
        super().__init__(72, 5)

    def forward(self, x):
        return self.layer(torch.relu(x).view(int(x.shape[0]), -1))


@case([(4, 8, 3, 3)], ["float32[N,8,3,3]"], [(3, 8, 3, 3)], follows=True)
class BatchInferred(Layer):
    def __init__(self):
        super().__init__(72, 5)

    def forward(self, x):
        return self.layer(torch.relu(x).view(-1, 72))


class MergedAndSplit(Layer):
    def forward(self, x):
        t, c = int(x.shape[1]), int(x.shape[2])
        return self.layer(x.reshape(-1, c)).view(-1, t, c)


@tokens()
class SplitTokens(MergedAndSplit):
    pass


@case([(4, 5, 16)], ["float32[N,T,16]"], [(3, 10, 16)])
class SplitTokensAtAMultiple(MergedAndSplit):
    pass


@sequences()
class SplitSequences(MergedAndSplit):
    pass


@case([(1, 5, 16)], ["float32[1,T,16]"], [(1, 10, 16)])
class SplitOneSequence(MergedAndSplit):
    pass


@case([(4, 6, 16)], ["float32[N,T,16]"], [(3, 8, 16)], follows=True)
class Pairs(Layer):
    def forward(self, x):
        b, t, c = x.shape
        return self.layer(x.view(b, t // 2, 2, c).mean(2))


@case([(4, 6, 16)], ["float32[N,T,16]"], [(3, 8, 16)], follows=True)
class PairsInferred(Layer):
    def forward(self, x):
        return self.layer(x.reshape(x.shape[0], -1, 2, 16).mean(2))


@features(follows=True)
class ChannelShuffle(nn.Module):
    def forward(self, x):
        n, c, h, w = x.size()
        return x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)


@features()
class ChannelShuffleByNumbers(nn.Module):
    def forward(self, x):
        n, c, h, w = map(int, x.size())
        return x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)


class Squeeze(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Linear(8, 4), nn.Linear(4, 8)

    def gate(self, x, batch):
        y = F.adaptive_avg_pool2d(x, 1).view(batch, 8)
        return x * torch.sigmoid(self.up(self.down(y).relu())).view(batch, 8, 1, 1)


@features(follows=True)
class SqueezeExcite(Squeeze):
    def forward(self, x):
        return self.gate(x, x.size(0))


@case([(1, 8, 6, 6)], ["float32[N,8,H,W]"], [(3, 8, 8, 6)])
class SqueezeExciteOfOneByNumber(Squeeze):
    def forward(self, x):
        return self.gate(x, int(x.size(0)))


# ---- Attention

class SelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.project, self.out = nn.Linear(16, 48), nn.Linear(16, 16)

    def attend(self, x, b, t):
        q, k, v = (y.reshape(b, t, 4, 4).transpose(1, 2) for y in self.project(x).chunk(3, -1))
        weights = (q @ k.transpose(-2, -1) / math.sqrt(4)).softmax(-1)
        return self.out((weights @ v).transpose(1, 2).reshape(b, t, 16))


@tokens(follows=True)
class Attention(SelfAttention):
    def forward(self, x):
        return self.attend(x, x.shape[0], x.shape[1])


@tokens()
class AttentionByNumbers(SelfAttention):
    def forward(self, x):
        return self.attend(x, int(x.shape[0]), int(x.shape[1]))


@case([(1, 5, 16)], ["float32[N,T,16]"], [(3, 8, 16)])
class AttentionOfOneByNumber(SelfAttention):
    def forward(self, x):
        return self.attend(x, int(x.shape[0]), x.shape[1])


# ---- Expanded, repeated, made of a size

class Token(Layer):
    def __init__(self):
        super().__init__()
        self.token = nn.Parameter(torch.randn(1, 1, 16))


@tokens()
class TokenByNumber(Token):
    def forward(self, x):
        return torch.cat([self.token.expand(int(x.shape[0]), -1, -1), self.layer(x)], 1)


@case([(1, 5, 16)], ["float32[N,T,16]"], [(3, 8, 16)])
class TokenOfOneByNumber(TokenByNumber):
    pass


@tokens(follows=True)
class TokenFollows(Token):
    def forward(self, x):
        return torch.cat([self.token.expand(x.shape[0], -1, -1), self.layer(x)], 1)


@tokens()
class ExpandedByNumbers(Layer):
    def forward(self, x):
        return self.layer(x).unsqueeze(2).expand(int(x.shape[0]), int(x.shape[1]), 3, 16)


@tokens(hidden="traced inputs")
class MeanRepeatedByNumber(Layer):
    def forward(self, x):
        return self.layer(x).mean(1, keepdim=True).repeat(1, int(x.shape[1]), 1)


@tokens(hidden="traced inputs")
class MeanExpandedByNumber(Layer):
    def forward(self, x):
        return self.layer(x).mean(1, keepdim=True).expand(-1, int(x.shape[1]), -1)


@tokens()
class MeanByNumber(Layer):
    def forward(self, x):
        return self.layer(x).sum(1) / int(x.shape[1])


@tokens()
class MeanByReciprocal(Layer):
    def forward(self, x):
        return self.layer(x).sum(1) * (1 / int(x.shape[1]))


@tokens(hidden="traced inputs")
class MultipliedByNumber(Layer):
    def forward(self, x):
        return self.layer(x) * int(x.shape[1])


def a_number_in(name, function, **more):
    """A model whose trace has a size of x as a number; only the traced inputs tell that it was one."""
    def forward(self, x):
        return function(self.layer(x), int(x.shape[1]), self.layer.weight)
    more = {"hidden": "traced inputs", **more}
    return tokens(**more)(type(name, (Layer,), {"forward": forward, "__module__": __name__}))


a_number_in("AddedNumber", lambda y, t, w: y + t)
a_number_in("ComparedWithNumber", lambda y, t, w: (torch.arange(16) < t).float() * y)
a_number_in("MeanTimesNumber", lambda y, t, w: y.mean(1) * t)
a_number_in("MaximumByNumber", lambda y, t, w: y.max(1)[0] / t)
a_number_in("AveragePoolByNumber", lambda y, t, w: F.avg_pool1d(y.transpose(1, 2), t))
a_number_in("MaxPoolByNumber", lambda y, t, w: F.max_pool1d(y.transpose(1, 2), t))
a_number_in("LayerNormByNumber", lambda y, t, w: F.layer_norm(y, [t, 16]), hidden=None)
a_number_in("CountedByNumber", lambda y, t, w: y.sum((0, 1)) + torch.arange(t).sum())
a_number_in("FilledByNumber", lambda y, t, w: torch.full((t, 2), 1.0).sum() + y)
a_number_in("PaddedByNumber", lambda y, t, w: F.pad(y, (0, 0, 0, t)))
a_number_in("MergedByMultiple", lambda y, t, w: y.reshape(-1, t * 16), hidden=None)
a_number_in("TableByNumber", lambda y, t, w: w[:t].sum() + y)


@tokens(follows=True)
class MultipliedByAnother(Layer):
    def forward(self, x):
        return self.layer(x) * 7


@tokens(hidden="always")
class RepeatedLayer(Layer):
    """How often a layer is called is written nowhere as a number."""

    def forward(self, x):
        for _ in range(int(x.shape[1])):
            x = torch.tanh(self.layer(x))
        return x


@tokens()
class MeanFollows(Layer):  # refused: a division by an open size is not supported yet
    def forward(self, x):
        return self.layer(x).sum(1) / x.shape[1]


@tokens()
class ZerosByNumber(Layer):
    def forward(self, x):
        return torch.cat([x, torch.zeros(x.shape[0], int(x.shape[1]), 2)], -1)


@tokens(follows=True)
class ZerosFollow(Layer):
    def forward(self, x):
        return torch.cat([x, torch.zeros(x.shape[0], x.shape[1], 2)], -1)


@tokens(hidden="always")
class PaddedToEight(Layer):
    """3 rows are added in the trace; that it were 8 - 5 is written nowhere."""

    def forward(self, x):
        return self.layer(F.pad(x, (0, 0, 0, 8 - int(x.shape[1]))))


# ---- Images

class Convolutions(nn.Module):
    def __init__(self, features=16):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, 1, 1), nn.ReLU())
        self.head = nn.Linear(features, 10)


@images(follows=True)
class Classifier(Convolutions):
    def forward(self, x):
        return self.head(torch.flatten(F.adaptive_avg_pool2d(self.features(x), 1), 1))


@case([(2, 3, 32, 32)], ["float32[N,3,32,32]"], [(3, 3, 32, 32)], follows=True)
class ClassifierWithView(Convolutions):
    def __init__(self):
        super().__init__(1024)

    def forward(self, x):
        return self.head(self.features(x).view(-1, 1024))


@case([(2, 3, 32, 32)], ["float32[N,3,H,W]"], [(3, 3, 64, 64)])
class ClassifierWithoutAPool(ClassifierWithView):
    def forward(self, x):
        y = self.features(x)
        return self.head(y.view(y.size(0), -1))


class Hourglass(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 3, 1, 1), nn.Conv2d(8, 8, 3, 2, 1)
        self.up, self.out = nn.ConvTranspose2d(8, 8, 2, 2), nn.Conv2d(16, 2, 1)


@images(follows=True)
class HourglassFollows(Hourglass):
    def forward(self, x):
        a = self.a(x).relu()
        return self.out(torch.cat([a, self.up(self.b(a).relu())], 1))


@images()
class ResizedByNumbers(Hourglass):
    def forward(self, x):
        a = self.a(x).relu()
        b = self.b(a).relu()
        return self.out(torch.cat([a, F.interpolate(b, size=tuple(map(int, a.shape[-2:])), mode="bilinear")], 1))


@images(hidden="traced inputs")
class ResultResizedByNumbers(Hourglass):
    def forward(self, x):
        y = self.b(self.a(x).relu()).relu()
        return F.interpolate(y, size=tuple(map(int, x.shape[-2:])), mode="bilinear")


@images()
class CroppedByNumbers(Hourglass):
    def forward(self, x):
        y = F.pad(self.a(x).relu(), (1, 2, 1, 2))
        return y[:, :, :int(x.shape[2]), :int(x.shape[3])]
