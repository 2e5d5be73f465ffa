class Everything(Module):
  __parameters__ = ["weight", ]
  __buffers__ = ["mean", ]
  __forward_pre_hooks__ = ["before", ]
  __forward_hooks__ = ["after", ]
  weight : Tensor
  mean : Tensor
  training : bool
  _is_full_backward_hook : NoneType
  rate : float
  table : Dict[str, int]
  count : int
  blocks : __torch__.torch.nn.modules.container.ModuleList
  named : __torch__.torch.nn.modules.container.ModuleDict
  sequence : __torch__.torch.nn.modules.container.Sequential
  stage : __torch__.Stage
  NAMES : Final[Tuple[str, str]] = ("a", "b")
  PADDING : Final[int] = 3
  def forward(self: __torch__.Everything,
    x: Tensor) -> Tensor:
    count = self.count
    self.count = torch.add(count, 3)
    blocks = self.blocks
    _0 = getattr(blocks, "0")
    _1 = getattr(blocks, "1")
    x0 = (_0).forward(x, )
    x1 = (_1).forward(x0, )
    named = self.named
    first = named.first
    x2 = (first).forward(x1, )
    blocks0 = self.blocks
    count0 = self.count
    chosen : __torch__.Stage = blocks0[count0]
    x3 = (chosen).forward(x2, )
    count1 = self.count
    doubler = __torch__.Doubler.__new__(__torch__.Doubler)
    _2 = (doubler).__init__(count1, )
    sequence = self.sequence
    x4 = __torch__.scale_with(doubler, (sequence).forward(x3, ), )
    stage = self.stage
    x5 = torch.add((stage).forward(x4, ), (self).helper(x4, "a", ))
    weight = self.weight
    _3 = torch.matmul(x5, weight)
    mean = self.mean
    return torch.add(_3, mean)
  def choose(self: __torch__.Everything,
    mode: __torch__.Mode,
    level: __torch__.Level,
    ratio: __torch__.Ratio,
    p: __torch__.Point) -> Tuple[__torch__.Point, str, int, float]:
    _2 = __torch__.Point((p)[0], None, (p)[2])
    _3 = (_2, (mode).value, (level).value, (ratio).value)
    return _3
  def helper(self: __torch__.Everything,
    x: Tensor,
    key: str) -> Tensor:
    table = self.table
    _4 = torch.mul(x, table[key])
    rate = self.rate
    return torch.mul(_4, rate)
  def after(self: __torch__.Everything,
    inputs: Tuple[Tensor],
    output: Tensor) -> Tensor:
    return torch.mul(output, 2)
  def before(self: __torch__.Everything,
    inputs: Tuple[Tensor]) -> Tuple[Tensor]:
    return (torch.add((inputs)[0], 1),)
class Inner(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  _is_full_backward_hook : Optional[bool]
  def forward(self: __torch__.Inner,
    x: Tensor) -> Tensor:
    return torch.relu(x)
class Stage(ModuleInterface):
  def forward(self, x: Tensor) -> Tensor:
    pass
def scale_with(scaler: __torch__.Scaler,
    x: Tensor) -> Tensor:
  return (scaler).scale(x, 0.5, )
class Doubler:
  offset : int
  def __init__(self: __torch__.Doubler,
    offset: int) -> NoneType:
    self.offset = offset
    return None
  def scale(self: __torch__.Doubler,
    x: Tensor,
    factor: float) -> Tensor:
    _5 = torch.mul(x, factor)
    offset = self.offset
    return torch.add(_5, offset)
class Mode(Enum):
  NEAREST = "nearest"
  LINEAR = "linear"
class Level(Enum):
  LOW = 1
  HIGH = 2
class Ratio(Enum):
  HALF = 0.5
  TINY = 9.9999999999999995e-08
class Point(NamedTuple):
  x : Tensor
  y : Optional[Tensor]
  weight : float
class Scaler(Interface):
  def scale(self, x: Tensor, factor: float) -> Tensor:
    pass
class ModuleList(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  _is_full_backward_hook : NoneType
  __annotations__["0"] = __torch__.Inner
  __annotations__["1"] = __torch__.Inner
  def __len__(self: __torch__.torch.nn.modules.container.ModuleList) -> int:
    return 2
class ModuleDict(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  _is_full_backward_hook : NoneType
  first : __torch__.Inner
  def __len__(self: __torch__.torch.nn.modules.container.ModuleDict) -> int:
    return 1
  def __contains__(self: __torch__.torch.nn.modules.container.ModuleDict,
    key: str) -> bool:
    return torch.__contains__(["first"], key)
class Sequential(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  _is_full_backward_hook : NoneType
  __annotations__["0"] = __torch__.Inner
  __annotations__["1"] = __torch__.torch.nn.modules.dropout.Dropout
  def forward(self: __torch__.torch.nn.modules.container.Sequential,
    input: Tensor) -> Tensor:
    _0 = getattr(self, "0")
    _1 = getattr(self, "1")
    input0 = (_0).forward(input, )
    return (_1).forward(input0, )
  def __len__(self: __torch__.torch.nn.modules.container.Sequential) -> int:
    return 2
class Dropout(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  _is_full_backward_hook : NoneType
  p : Final[float] = 0.5
  inplace : Final[bool] = False
  def forward(self: __torch__.torch.nn.modules.dropout.Dropout,
    input: Tensor) -> Tensor:
    _0 = __torch__.torch.nn.functional.dropout
    training = self.training
    return _0(input, 0.5, training, False, )
def dropout(input: Tensor,
    p: float=0.5,
    training: bool=True,
    inplace: bool=False) -> Tensor:
  _0 = "dropout probability has to be between 0 and 1, but got {}"
  if torch.lt(p, 0.):
    _1 = True
  else:
    _1 = torch.gt(p, 1.)
  if _1:
    ops.prim.RaiseException(torch.format(_0, p), "builtins.ValueError")
  else:
    pass
  if inplace:
    _2 = torch.dropout_(input, p, training)
  else:
    _2 = torch.dropout(input, p, training)
  return _2
