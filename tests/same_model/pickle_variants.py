"""Pickles that two readers may read as different models, one ambiguity each."""

import struct

from making import OTHER_DATA, add, attrs, without_attribute, data
from model_file import (CODE, FALSE, HOOKS, NONE, STORAGES, SUB, attributes, call, dict_of, instance, integer, model,
                        module, name, number, pickled, quantized, storage, tagged, tensor, text, tuple_of, value, zip_file)

def memo(item, index):
    return value(item) + b"q" + bytes([index])


def get(index):
    return b"h" + bytes([index])


def items_then(more, **changed_):
    """The module's pickle with opcodes behind its dictionary of attributes, before BUILD."""
    return zip_file(model(data=pickled(name("__torch__", "M") + b")\x81" + dict_of(attributes(**changed_)) + more + b"b")))


def root_then(more, **changed_):
    return zip_file(model(data=pickled(instance("__torch__.M", dict_of(attributes(**changed_))) + more)))


def raw(content):
    return zip_file(model(data=content))


TENSOR_W = tensor(storage("0", 8), [4], requires_grad=True)
DUPLICATE = list(attributes().items()) + [("w", tensor(storage("0", 8), [4], offset=4))]

add("dict",
    attribute_twice=zip_file(model(data=pickled(instance("__torch__.M", dict_of(DUPLICATE))))),
    attribute_set_again=items_then(text("w") + tensor(storage("0", 8), [4], offset=4) + b"s"),
    key_twice=attrs(table=tagged(dict_of([("k", 100), ("l", 200), ("k", 300)]), "Dict[str, int]")),
    key_set_again=attrs(table=tagged(dict_of({"k": 100}) + text("k") + integer(300) + b"s", "Dict[str, int]")),
    key_of_other_type=attrs(table=tagged(dict_of([("k", 100), (1, 5)]), "Dict[str, int]")),
    value_of_other_type=attrs(table=tagged(dict_of([("k", 2.5)]), "Dict[str, int]")),
    untagged=attrs(table=dict_of({"k": 100, "l": 200})),
    other_tag=attrs(table=tagged(dict_of({"k": 100, "l": 200}), "Dict[str, float]")),
    tag_of_list=attrs(table=tagged(dict_of({"k": 100, "l": 200}), "List[int]")),
    ordered_dict=attrs(table=call(name("collections", "OrderedDict")) + b"(" + text("k") + integer(100) + b"u"),
    odd=attrs(table=tagged(b"}(" + text("k") + b"u", "Dict[str, int]")),
    opcode_dict=attrs(table=tagged(b"(" + text("k") + integer(100) + b"d", "Dict[str, int]")),
    float_keys_equal=attrs(table=tagged(dict_of([("k", 100), ("k\0", 5)]), "Dict[str, int]")))

add("opcodes",
    setitem_on_tensor=attrs(w=TENSOR_W + text("a") + integer(1) + b"s"),
    setitems_on_tensor=attrs(w=TENSOR_W + b"(" + text("a") + integer(1) + b"u"),
    append_on_tensor=attrs(w=TENSOR_W + integer(1) + b"a"),
    appends_on_tensor=attrs(w=TENSOR_W + b"(" + integer(1) + b"e"),
    appends_nothing_on_tensor=attrs(w=TENSOR_W + b"(e"),
    setitems_nothing_on_tensor=attrs(w=TENSOR_W + b"(u"),
    build_on_tensor=attrs(w=TENSOR_W + dict_of({"a": 1}) + b"b"),
    build_empty_on_tensor=attrs(w=TENSOR_W + b"}b"),
    setitem_on_module=root_then(text("w") + TENSOR_W + b"s"),
    append_on_module=root_then(integer(1) + b"a"),
    build_twice=root_then(dict_of(attributes(w=tensor(storage("0", 8), [4], offset=4))) + b"b"),
    newobj_arguments=zip_file(model(data=pickled(name("__torch__", "M") + tuple_of(1) + b"\x81" +
                                                 dict_of(attributes()) + b"b"))),
    reduce_class=zip_file(model(data=pickled(name("__torch__", "M") + dict_of(attributes()) + b"R"))),
    reduce_class_tuple=zip_file(model(data=pickled(call(name("__torch__", "M"), dict_of(attributes()))))),
    build_without_newobj=zip_file(model(data=pickled(name("__torch__", "M") + dict_of(attributes()) + b"b"))),
    newobj_without_build=attrs(sub=name("__torch__", "Sub") + b")\x81"),
    newobj_ex=zip_file(model(data=pickled(name("__torch__", "M") + b")}\x92" + dict_of(attributes()) + b"b"))),
    build_calls_function=attrs(factors=name("torch.jit._pickle", "build_intlist") + tuple_of([5, 7]) + b"b"),
    function_as_int=attrs(label=text("a"), factors=name("torch.jit._pickle", "build_intlist") + b"0" + integer(0) +
                          tuple_of([5, 7]) + b"R"),
    global_as_value=attrs(table=tagged(dict_of([("k", name("torch", "FloatStorage")), ("l", 1)]), "Dict[str, int]")),
    qscheme_as_value=attrs(table=tagged(dict_of([("k", name("torch", "per_tensor_affine"))]), "Dict[str, int]")),
    class_as_value=attrs(table=tagged(dict_of([("k", name("__torch__", "Sub"))]), "Dict[str, int]")),
    dtype_as_value=attrs(table=tagged(dict_of([("k", name("torch", "float32"))]), "Dict[str, int]")),
    pop=attrs(label=integer(1) + b"0" + text("a")),
    pop_mark=attrs(label=b"(" + integer(1) + b"1" + text("a")),
    dup=attrs(factors=call(name("torch.jit._pickle", "build_intlist"), b"](" + integer(7) + b"2e")),
    append=attrs(factors=call(name("torch.jit._pickle", "build_intlist"), b"]" + integer(5) + b"a" + integer(7) + b"a")),
    opcode_list=attrs(factors=call(name("torch.jit._pickle", "build_intlist"), b"(" + integer(5) + integer(7) + b"l")),
    long1=attrs(table=tagged(dict_of([("k", b"\x8a\x08" + struct.pack("<q", 100))]), "Dict[str, int]")),
    long1_short=attrs(table=tagged(dict_of([("k", b"\x8a\x01\x64")]), "Dict[str, int]")),
    long1_of_ten_bytes=attrs(table=tagged(dict_of([("k", b"\x8a\x0a" + struct.pack("<q", 100) + b"\0\0")]),
                                          "Dict[str, int]")),
    short_binunicode=attrs(label=b"\x8c\x01a"),
    short_binstring=attrs(label=b"U\x01a"),
    binstring=attrs(label=b"T\x01\0\0\0a"),
    stack_global=attrs(factors=text("torch.jit._pickle") + text("build_intlist") + b"\x93" + tuple_of([5, 7]) + b"R"),
    memoize=attrs(label=text("a") + b"\x94"),
    frame=raw(b"\x80\x02\x95" + struct.pack("<Q", 4) + module()[2:]),
    ints_text=attrs(table=tagged(dict_of([("k", b"I100\n")]), "Dict[str, int]")),
    bool_text=attrs(training=b"I00\n"))

add("protocol",
    **{f"number_{n}": raw(b"\x80" + bytes([n]) + module()[2:]) for n in (0, 1, 3, 4, 5, 6)},
    absent=raw(module()[2:]),
    twice=raw(b"\x80\x02" + module()),
    inside=attrs(label=b"\x80\x02" + text("a")),
    behind_stop=raw(module() + b"hello"),
    two_pickles=raw(module() + OTHER_DATA),
    two_values=raw(b"\x80\x02" + integer(1) + module()[2:]),
    mark_left=raw(b"\x80\x02(" + module()[2:]),
    stop_missing=raw(module()[:-1]),
    empty=raw(b""))

add("memo",
    put_get=attrs(label=memo("a", 0)),
    get_before_put=attrs(perhaps=get(9), label=memo("a", 200)),
    get_of_gap=attrs(label=memo("a", 5), perhaps=get(3)),
    put_again=attrs(pair=tuple_of(memo(1, 0), memo(2.0, 0)), factors=call(
        name("torch.jit._pickle", "build_intlist"), [5, 7]), perhaps=get(0)),
    shared_list=attrs(factors=memo(call(name("torch.jit._pickle", "build_intlist"), [5, 7]), 0)),
    list_changed_later=attrs(factors=call(name("torch.jit._pickle", "build_intlist"), memo([5, 7], 0)),
                             perhaps=get(0) + b"(" + integer(1) + b"e0" + NONE),
    list_changed_before_use=attrs(factors=call(name("torch.jit._pickle", "build_intlist"),
                                               memo([5], 0) + get(0) + integer(7) + b"a0")),
    sizes_changed_later=attrs(w=call(name("torch._utils", "_rebuild_tensor_v2"), storage("0", 8), 0, memo([4], 0),
                                     memo([1], 1), True, HOOKS) + get(0) + integer(1) + b"a0"),
    attributes_changed_later=zip_file(model(data=pickled(
        name("__torch__", "M") + b")\x81" + memo(dict_of(attributes()), 0) + b"b" + get(0) + text("w") +
        tensor(storage("0", 8), [4], offset=4) + b"s0"))),
    sub_attributes_changed_later=attrs(sub=name("__torch__", "Sub") + b")\x81" + memo(dict_of(SUB), 0) + b"b" + get(0) +
                                       text("n") + integer(9) + b"s0"),
    sub_attributes_filled_later=attrs(sub=name("__torch__", "Sub") + b")\x81" + b"}q\0(" + text("training") + FALSE +
                                      text("scale") + number(2.0) + text("n") + integer(3) + b"ub"),
    object_before_build=attrs(sub=name("__torch__", "Sub") + b")\x81q\0" + dict_of(SUB) + b"b"),
    object_before_build_got=attrs(sub=name("__torch__", "Sub") + b")\x81q\0" + dict_of(SUB) + b"b0" + get(0)),
    global_got=attrs(factors=name("torch.jit._pickle", "build_intlist") + b"q\0" + tuple_of([5, 7]) + b"R0" + get(0) +
                     tuple_of([5, 7]) + b"R"),
    storage_got=attrs(w=tensor(storage("0", 8) + b"q\0", [4], requires_grad=True),
                      b=tensor(get(0), [4], offset=4)),
    tensor_got=attrs(w=TENSOR_W + b"q\0", b=get(0)),
    dict_of_itself=attrs(table=tagged(b"}q\0(" + text("k") + get(0) + b"u", "Dict[str, int]")))

add("strings",
    not_utf8=attrs(label=text(b"\xff\xfe")),
    nul=attrs(label=text("a\0b")),
    surrogate=attrs(label=text(b"\xed\xa0\x80")),
    overlong=attrs(label=text(b"\xc0\x80")),
    attribute_not_utf8=zip_file(model(data=pickled(instance("__torch__.M", dict_of(
        list(attributes().items()) + [(text(b"\xff"), 1)]))))),
    key_nul=attrs(table=tagged(dict_of([("k\0x", 1), ("k", 100)]), "Dict[str, int]")),
    class_name_spaces=zip_file(model(data=pickled(instance("__torch__.M ", dict_of(attributes()))))),
    global_crlf=attrs(factors=b"ctorch.jit._pickle\r\nbuild_intlist\r\n" + tuple_of([5, 7]) + b"R"))

add("storage",
    word=attrs(w=tensor(storage("0", 8, word="storages"), [4])),
    not_a_tuple=attrs(w=tensor(text("0") + b"Q", [4])),
    four_items=attrs(w=tensor(tuple_of("storage", name("torch", "FloatStorage"), "0", "cpu") + b"Q", [4])),
    six_items=attrs(w=tensor(tuple_of("storage", name("torch", "FloatStorage"), "0", "cpu", 8, NONE) + b"Q", [4])),
    view_metadata=attrs(w=tensor(tuple_of("storage", name("torch", "FloatStorage"), "0", "cpu", 8, tuple_of("1", 4, 4)) +
                                 b"Q", [4])),
    key_is_int=attrs(w=tensor(storage(0, 8), [4])),
    key_with_folder=attrs(w=tensor(storage("../data/0", 8), [4])),
    key_leading_zero=attrs(w=tensor(storage("00", 8), [4])),
    device_cuda=attrs(w=tensor(storage("0", 8, device="cuda:0"), [4])),
    device_meta=attrs(w=tensor(storage("0", 8, device="meta"), [4])),
    device_unknown=attrs(w=tensor(storage("0", 8, device="toaster"), [4])),
    device_empty=attrs(w=tensor(storage("0", 8, device=""), [4])),
    count_less=attrs(w=tensor(storage("0", 2), [4])),
    count_more=attrs(w=tensor(storage("0", 9), [4])),
    count_smaller_than_record=attrs(w=tensor(storage("0", 4), [4])),
    count_zero=attrs(w=tensor(storage("0", 0), [4])),
    count_zero_empty=attrs(w=tensor(storage("9", 0), [0])),
    count_negative=attrs(w=tensor(storage("0", -1), [4])),
    count_is_float=attrs(w=tensor(storage("0", number(8.0)), [4])),
    record_absent=attrs(w=tensor(storage("7", 8), [4])),
    record_longer=zip_file(model(storages={**STORAGES, "0": STORAGES["0"] + b"\0"})),
    type_int=attrs(w=tensor(storage("0", 8, "IntStorage"), [4])),
    type_double=attrs(w=tensor(storage("0", 4, "DoubleStorage"), [4])),
    type_bool=attrs(w=tensor(storage("0", 32, "BoolStorage"), [4])),
    type_quint8=attrs(w=tensor(storage("0", 32, "QUInt8Storage"), [4])),
    type_untyped=attrs(w=tensor(storage("0", 32, "UntypedStorage"), [4])),
    type_dtype=attrs(w=tensor(storage("0", 8, "float32"), [4])),
    type_device=attrs(w=tensor(storage("0", 8, "device"), [4])),
    type_qscheme=attrs(w=tensor(storage("0", 8, "per_tensor_affine"), [4])),
    type_as_int=attrs(w=tensor(tuple_of("storage", 6, "0", "cpu", 8) + b"Q", [4])),
    cuda_type=attrs(w=tensor(tuple_of("storage", name("torch.cuda", "FloatStorage"), "0", "cpu", 8) + b"Q", [4])),
    two_types=attrs(w=tensor(storage("0", 8), [4]), b=tensor(storage("0", 8, "IntStorage"), [4])),
    two_counts=attrs(w=tensor(storage("0", 8), [4]), b=tensor(storage("0", 4), [4])),
    same_twice=attrs(w=tensor(storage("0", 8), [4]), b=tensor(storage("0", 8), [4], offset=4)),
    not_of_a_tensor=attrs(w=storage("0", 4)),
    constants_folder=attrs(w=tensor(storage("../constants/0", 4), [4])))

add("view",
    offset_4=attrs(w=tensor(storage("0", 8), [4], offset=4)),
    offset_5=attrs(w=tensor(storage("0", 8), [4], offset=5)),
    offset_negative=attrs(w=tensor(storage("0", 8), [4], offset=-1)),
    offset_huge=attrs(w=tensor(storage("0", 8), [4], offset=2**40)),
    offset_bool=attrs(w=tensor(storage("0", 8), [4], offset=b"\x88")),
    stride_2=attrs(w=tensor(storage("0", 8), [4], [2])),
    stride_3=attrs(w=tensor(storage("0", 8), [4], [3])),
    stride_0=attrs(w=tensor(storage("0", 8), [4], [0])),
    stride_negative=attrs(w=tensor(storage("0", 8), [4], [-1], 3)),
    strides_missing=attrs(w=tensor(storage("0", 8), [4], [])),
    strides_more=attrs(w=tensor(storage("0", 8), [4], [1, 1])),
    sizes_list=attrs(w=call(name("torch._utils", "_rebuild_tensor_v2"), storage("0", 8), 0, [4], [1], True, HOOKS)),
    sizes_torch_size=attrs(w=call(name("torch._utils", "_rebuild_tensor_v2"), storage("0", 8), 0,
                                  call(name("torch", "Size"), tuple_of(4)), tuple_of(1), True, HOOKS)),
    sizes_float=attrs(w=call(name("torch._utils", "_rebuild_tensor_v2"), storage("0", 8), 0, tuple_of(4.0), tuple_of(1),
                             True, HOOKS)),
    size_negative=attrs(w=tensor(storage("0", 8), [-4], [1])),
    size_negative_pair=attrs(w=tensor(storage("0", 8), [-2, -2], [-2, -1])),
    size_huge=attrs(w=tensor(storage("0", 8), [2**40], [0])),
    product_overflows=attrs(w=tensor(storage("0", 8), [2**32, 2**32, 0], [0, 0, 0])),
    product_wraps_to_4=attrs(w=tensor(storage("0", 8), [4, 2**62 + 1], [1, 0])),
    matrix_for_vector=attrs(w=tensor(storage("0", 8), [1, 4])),
    requires_grad_int=attrs(w=tensor(storage("0", 8), [4], requires_grad=integer(1))),
    requires_grad_none=attrs(w=tensor(storage("0", 8), [4], requires_grad=NONE)),
    requires_grad_of_int=attrs(w=tensor(storage("0", 8, "IntStorage"), [4], requires_grad=True)),
    hooks_none=attrs(w=tensor(storage("0", 8), [4], hooks=NONE)),
    hooks_with_item=attrs(w=tensor(storage("0", 8), [4], hooks=dict_of({1: 2}))),
    hooks_missing=attrs(w=call(name("torch._utils", "_rebuild_tensor_v2"), storage("0", 8), 0, tuple_of(4), tuple_of(1),
                               True)),
    four_arguments=attrs(w=call(name("torch._utils", "_rebuild_tensor_v2"), storage("0", 8), 0, tuple_of(4), tuple_of(1))),
    rebuild_v1=attrs(w=tensor(storage("0", 8), [4], function="_rebuild_tensor")),
    rebuild_v3=attrs(w=call(name("torch._utils", "_rebuild_tensor_v3"), storage("0", 8), 0, tuple_of(4), tuple_of(1), True, HOOKS,
                             name("torch", "float32"))),
    metadata_empty=attrs(w=call(name("torch._utils", "_rebuild_tensor_v2"), storage("0", 8), 0, tuple_of(4), tuple_of(1),
                                True, HOOKS, dict_of({}))),
    metadata_none=attrs(w=call(name("torch._utils", "_rebuild_tensor_v2"), storage("0", 8), 0, tuple_of(4), tuple_of(1),
                               True, HOOKS, NONE)),
    metadata_neg=attrs(w=call(name("torch._utils", "_rebuild_tensor_v2"), storage("0", 8), 0, tuple_of(4), tuple_of(1),
                              True, HOOKS, dict_of({"neg": True}))),
    metadata_neg_false=attrs(w=call(name("torch._utils", "_rebuild_tensor_v2"), storage("0", 8), 0, tuple_of(4),
                                    tuple_of(1), True, HOOKS, dict_of({"neg": False}))),
    metadata_neg_int=attrs(w=call(name("torch._utils", "_rebuild_tensor_v2"), storage("0", 8), 0, tuple_of(4),
                                  tuple_of(1), True, HOOKS, dict_of({"neg": 1}))),
    metadata_other=attrs(w=call(name("torch._utils", "_rebuild_tensor_v2"), storage("0", 8), 0, tuple_of(4), tuple_of(1),
                                True, HOOKS, dict_of({"other": False}))),
    parameter=attrs(w=call(name("torch._utils", "_rebuild_parameter"), TENSOR_W, True, HOOKS)),
    from_type=attrs(w=call(name("torch._tensor", "_rebuild_from_type_v2"), name("torch._utils", "_rebuild_tensor_v2"),
                           name("torch", "Tensor"), tuple_of(storage("0", 8), 0, tuple_of(4), tuple_of(1), True, HOOKS),
                           dict_of({}))),
    sparse=attrs(w=call(name("torch._utils", "_rebuild_sparse_tensor"), name("torch", "sparse_coo"), tuple_of(
        TENSOR_W, TENSOR_W, tuple_of(4)))))


def scheme(*items, first="per_tensor_affine"):
    return tuple_of(name("torch", first), *items)


SCALES = tensor(storage("1", 4), [4])
LONGS = tensor(storage("4", 4, "LongStorage"), [4])
INTS = tensor(storage("5", 4, "IntStorage"), [4])
MORE = {**STORAGES, "4": struct.pack("<4q", 1, 2, 3, 4), "5": struct.pack("<4i", 1, 2, 3, 4),
        "6": struct.pack("<4d", 0.5, 0.25, 0.125, 0.0625)}
DOUBLES = tensor(storage("6", 4, "DoubleStorage"), [4])


def q(scheme_, kind="QUInt8Storage", sizes=(4,), **fields):
    return zip_file(model(data=module(q=quantized(storage("2", 4, kind), list(sizes), scheme_, **fields)), storages=MORE))


add("quantizer",
    zero_scale=q(scheme(0.0, 10)),
    negative_scale=q(scheme(-0.5, 10)),
    nan_scale=q(scheme(float("nan"), 10)),
    infinite_scale=q(scheme(float("inf"), 10)),
    int_scale=q(scheme(1, 10)),
    float_zero_point=q(scheme(0.5, 10.0)),
    zero_point_out_of_range=q(scheme(0.5, 300)),
    zero_point_of_64_bits=q(scheme(0.5, 2**33)),
    symmetric=q(scheme(0.5, 0, first="per_tensor_symmetric")),
    extra_item=q(scheme(0.5, 10, 5)),
    missing_item=q(scheme(0.5)),
    list=q(value([name("torch", "per_tensor_affine"), 0.5, 10])),
    scheme_as_int=q(tuple_of(0, 0.5, 10)),
    qint8=q(scheme(0.5, 10), "QInt8Storage"),
    float_storage=q(scheme(0.5, 10), "FloatStorage", sizes=(1,)),
    per_channel=q(scheme(DOUBLES, LONGS, 0, first="per_channel_affine")),
    per_channel_floats=q(scheme(SCALES, LONGS, 0, first="per_channel_affine")),
    per_channel_ints=q(scheme(DOUBLES, INTS, 0, first="per_channel_affine")),
    per_channel_symmetric=q(scheme(DOUBLES, LONGS, 0, first="per_channel_symmetric")),
    per_channel_axis_1=q(scheme(DOUBLES, LONGS, 1, first="per_channel_affine")),
    per_channel_axis_negative=q(scheme(DOUBLES, LONGS, -1, first="per_channel_affine")),
    per_channel_short=q(scheme(tensor(storage("6", 4, "DoubleStorage"), [3]), tensor(storage("4", 4, "LongStorage"), [3]),
                               0, first="per_channel_affine")),
    per_channel_lists=q(scheme([0.5, 0.25, 0.125, 0.0625], [1, 2, 3, 4], 0, first="per_channel_affine")),
    per_channel_float_qparams=q(scheme(SCALES, SCALES, 0, first="per_channel_affine_float_qparams")))

add("attributes",
    in_pickle_only=attrs(other=5),
    in_pickle_only_tensor=attrs(other=TENSOR_W),
    in_class_only=without_attribute("table"),
    in_class_only_unread=without_attribute("label"),
    in_class_only_training=without_attribute("training"),
    order=zip_file(model(data=pickled(instance("__torch__.M", dict_of(dict(reversed(attributes().items()))))))),
    int_for_float=attrs(sub={**SUB, "scale": 2}),
    float_for_int=attrs(sub={**SUB, "n": 3.5}),
    bool_for_int=attrs(sub={**SUB, "n": True}),
    int_for_bool=attrs(training=1),
    none_for_int=attrs(sub={**SUB, "n": NONE}),
    string_for_int=attrs(sub={**SUB, "n": "3"}),
    tensor_for_int=attrs(sub={**SUB, "n": TENSOR_W}),
    int_for_tensor=attrs(w=3),
    none_for_tensor=attrs(w=NONE),
    float_for_optional=attrs(perhaps=2.5),
    string_for_optional=attrs(perhaps="a"),
    int_for_string=attrs(label=3),
    list_for_tuple=attrs(pair=[1, 2]),
    long_tuple=attrs(pair=tuple_of(1, 2.0, 3)),
    tuple_of_other_types=attrs(pair=tuple_of("a", 2)),
    floats_for_ints=attrs(factors=call(name("torch.jit._pickle", "build_doublelist"), [5.0, 7.5])),
    untagged_ints=attrs(factors=value([5, 7])),
    untagged_floats=attrs(factors=value([5.0, 7.5])),
    mixed_list=attrs(factors=call(name("torch.jit._pickle", "build_intlist"), [5, 7.5])),
    tuple_for_list=attrs(factors=tuple_of(5, 7)),
    tagged_list=attrs(factors=tagged(value([5, 7]), "List[int]")),
    dict_for_module=attrs(sub=dict_of(SUB)),
    tensor_for_module=attrs(sub=TENSOR_W),
    state_is_tuple=zip_file(model(data=pickled(instance("__torch__.M", tuple_of(1, 2))))),
    state_is_none=zip_file(model(data=pickled(instance("__torch__.M", NONE)))),
    state_is_tagged_dict=attrs(sub=instance("__torch__.Sub", tagged(dict_of(SUB), "Dict[str, Any]"))),
    root_is_dict=zip_file(model(data=pickled(dict_of({"a": 1})))),
    root_is_list=zip_file(model(data=pickled([1]))),
    root_is_tensor=zip_file(model(data=pickled(TENSOR_W))),
    root_is_tuple=zip_file(model(data=pickled(tuple_of(instance("__torch__.M", dict_of(attributes())))))),
    root_class_absent=zip_file(model(data=module("__torch__.Absent"))),
    child_class_absent=attrs(sub=instance("__torch__.Absent", dict_of(SUB))),
    child_of_other_class=zip_file(model(code={"__torch__.py": CODE + CODE[:CODE.index("class M(")]
                                              .replace("class Sub", "class Sub2").replace("torch.mul", "torch.sub")},
                                        data=module(sub=instance("__torch__.Sub2", dict_of(SUB))))),
    child_of_other_class_and_order=zip_file(model(
        code={"__torch__.py": CODE + CODE[:CODE.index("class M(")].replace("class Sub", "class Sub2")
              .replace("  scale : float\n  n : int\n", "  n : float\n  scale : int\n")},
        data=module(sub=instance("__torch__.Sub2", dict_of({"training": False, "n": 9.0, "scale": 4})))))
)
