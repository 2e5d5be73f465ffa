"""Zip archives and records that two readers may read as different models, one ambiguity each."""

import struct

from making import OTHER_CODE, OTHER_DATA, add, record, with_record, without, edited, code, data
from model_file import (CODE, CONSTANTS, STORAGES, Record, dict_of, floats, model, module, pickled, storage, tensor,
                        tuple_of, zip_file)

add("plain", model=zip_file(model()), deflated=zip_file([Record(r.name, r.data, deflate=True) for r in model()]))

add("case",
    code_twice=with_record(record("CODE/__torch__.py", OTHER_CODE.encode())),
    code_twice_first=with_record(record("CODE/__torch__.py", OTHER_CODE.encode()), first=True),
    data_twice=with_record(record("Data.pkl", OTHER_DATA)),
    data_twice_first=with_record(record("Data.pkl", OTHER_DATA), first=True),
    storage_folder_twice=with_record(record("DATA/0", floats(*range(8)))),
    constants_twice=with_record(record("CONSTANTS.PKL", pickled(tuple_of(tensor(storage("0", 4), [4]))))),
    data_upper=edited("data.pkl", name=b"m/DATA.PKL"),
    code_upper=edited("__torch__.py", name=b"m/code/__TORCH__.py"),
    version_upper=edited("version", name=b"m/VERSION"),
    dot_version_upper=with_record(record(".DATA/VERSION", b"4\n")),
    byteorder_upper=with_record(record("ByteOrder", b"big")),
    root_case=zip_file([Record(r.name.replace(b"m/", b"M/") if b"code" in r.name else r.name, r.data) for r in model()]),
    root_twice=zip_file(model() + [Record(r.name.replace(b"m/", b"M/"), r.data) for r in model(data=OTHER_DATA)]),
    unused_twice=with_record(record("extra/a", b"1"), record("extra/A", b"2")),
    not_ascii_twice=with_record(record("extra/\u00c4", b"1"), record("extra/\u00e4", b"2")),
    storage_key=zip_file([Record(b"m/data/k", STORAGES["0"]), Record(b"m/data/K", floats(*range(8)))] +
                         model(data=module(w=tensor(storage("k", 8), [4])), storages={"1": STORAGES["1"],
                                                                                      "2": STORAGES["2"]})),
    key_of_other_case=zip_file(model(data=module(w=tensor(storage("K", 8), [4])),
                                     storages={"k": STORAGES["0"], "1": STORAGES["1"], "2": STORAGES["2"]})))


def two_roots(order, **other):
    a, b = model(root="a"), model(root="b", data=OTHER_DATA, **other)
    return zip_file(order(a, b))


add("roots",
    a_then_b=two_roots(lambda a, b: a + b),
    b_then_a=two_roots(lambda a, b: b + a),
    version_of_b_first=two_roots(lambda a, b: b[-1:] + a + b[:-1]),
    foreign_folder_first=zip_file([Record(b"x/readme", b"hello")] + model()),
    foreign_folder_last=zip_file(model() + [Record(b"x/readme", b"hello")]),
    macos_folder_last=zip_file(model() + [Record(b"__MACOSX/m/._data.pkl", b"hello")]),
    file_without_folder_first=zip_file([Record(b"readme", b"hello")] + model()),
    file_without_folder_last=zip_file(model() + [Record(b"readme", b"hello")]),
    no_root=zip_file([Record(r.name[2:], r.data) for r in model()]),
    nested_root=zip_file([Record(b"m/x/data.pkl", OTHER_DATA)] + model()),
    two_levels=zip_file([Record(b"x/" + r.name, r.data) for r in model()]),
    folder_entry_first=zip_file([Record(b"m/")] + model()),
    folder_entry_last=zip_file(model() + [Record(b"m/"), Record(b"m/code/")]),
    folder_named_as_record=with_record(record("data.pkl/", b"")),
    folder_with_bytes=with_record(record("extra/", b"hello")),
    folder_bit=edited("data.pkl", attributes=0x10),
    root_dot=zip_file(model(root=".")),
    root_dot_dot=zip_file(model(root="..")),
    root_empty=zip_file(model(root="")),
    root_space=zip_file(model(root=" ")),
    root_unicode=zip_file(model(root="m\u00f6del")),
    root_prefix_of_other=zip_file(model() + [Record(b"mm/data.pkl", OTHER_DATA)]))

add("names",
    data_twice=with_record(record("data.pkl", OTHER_DATA)),
    data_twice_first=with_record(record("data.pkl", OTHER_DATA), first=True),
    code_twice=with_record(record("code/__torch__.py", OTHER_CODE.encode())),
    twice_same_bytes=with_record(record("version", b"3\n")),
    unused_twice=with_record(record("extra/a", b"1"), record("extra/a", b"2")),
    backslashes=zip_file([Record(r.name.replace(b"/", b"\\"), r.data) for r in model()]),
    backslash_twice=with_record(Record(b"m\\data.pkl", OTHER_DATA)),
    leading_slash=zip_file([Record(b"/" + r.name, r.data) for r in model()]),
    leading_slash_twice=with_record(Record(b"/m/data.pkl", OTHER_DATA)),
    dot_slash=zip_file([Record(b"./" + r.name, r.data) for r in model()]),
    dot_slash_twice=with_record(Record(b"./m/data.pkl", OTHER_DATA)),
    dot_slash_inside=with_record(record("./data.pkl", OTHER_DATA)),
    double_slash=with_record(record("/data.pkl", OTHER_DATA)),
    parent=with_record(record("../m/data.pkl", OTHER_DATA)),
    empty=with_record(Record(b"", b"")),
    nul=with_record(Record(b"m/data.pkl\0x", OTHER_DATA)),
    nul_first=with_record(Record(b"m/data.pkl\0x", OTHER_DATA), first=True),
    nul_alone=edited("data.pkl", name=b"m/data.pkl\0"),
    trailing_space=with_record(record("data.pkl ", OTHER_DATA)),
    not_utf8=with_record(Record(b"m/extra/\xff\xfe", b"1")),
    utf8_flag=zip_file([Record(r.name, r.data, flag=0x800) for r in model()]),
    unicode_path=edited("__torch__.py", extra=struct.pack("<HHBI", 0x7075, 5 + 12, 1, 0) + b"m/code/other"),
    long=with_record(record("extra/" + "a" * 600, b"1")),
    long_twice=with_record(record("extra/" + "a" * 600 + "b", b"1"), record("extra/" + "a" * 600 + "c", b"2")))

BIT = {f"bit_{bit}": zip_file([Record(r.name, r.data, flag=1 << bit) for r in model()]) for bit in range(16) if bit != 3}
BIT_LOCAL = {f"local_bit_{bit}": edited("data.pkl", local_flag=1 << bit) for bit in (0, 3, 5, 6, 11, 13)}
add("flags", **BIT, **BIT_LOCAL)

add("headers",
    local_name=edited("data.pkl", local_name=b"m/date.pkl"),
    local_name_longer=edited("data.pkl", local_name=b"m/data.pickle"),
    local_name_empty=edited("data.pkl", local_name=b""),
    local_name_case=edited("data.pkl", local_name=b"m/DATA.PKL"),
    local_crc=edited("data.pkl", local_crc=1),
    local_size=edited("data.pkl", local_size=1),
    local_size_0=edited("data.pkl", local_size=0, local_crc=0),
    local_method=edited("data.pkl", local_method=8),
    local_extra=edited("data.pkl", local_extra=struct.pack("<HH", 0x4246, 60) + b"Z" * 60),
    local_extra_broken=edited("data.pkl", local_extra=struct.pack("<HH", 0x4246, 600) + b"Z" * 60),
    crc=edited("data.pkl", crc=1),
    crc_0=edited("data.pkl", crc=0),
    crc_0_of_storage=edited("data/0", crc=0),
    crc_of_storage=edited("data/0", crc=7),
    crc_of_unread=with_record(record("extra/a", b"hello", crc=1)),
    size_less=edited("version", data=b"10\n", size=1, crc=0),
    size_of_deflated=edited("__torch__.py", deflate=True, size=50),
    method_12=edited("data.pkl", method=12),
    method_of_unread=with_record(record("extra/a", b"hello", method=12)),
    descriptor=zip_file([Record(r.name, r.data, descriptor=True) for r in model()]),
    descriptor_deflated=zip_file([Record(r.name, r.data, descriptor=True, deflate=True) for r in model()]),
    zip64=zip_file([Record(r.name, r.data, zip64=True) for r in model()]),
    zip64_end=zip_file(model(), zip64_end=True),
    zip64_one=edited("data.pkl", zip64=True),
    zip64_extra_unasked=edited("data.pkl", extra=struct.pack("<HHQQQ", 1, 24, 1, 1, 0)),
    overlapping=with_record(Record(b"m/extra/a", module(), offset_of=b"m/data.pkl")),
    entry_of_other_record=zip_file([Record(r.name, r.data, offset_of=b"m/data.pkl") if r.name == b"m/version" else r
                                    for r in model(version=b"3\n")]),
    entry_comment=edited("data.pkl", comment=b"hello"),
    deflated_with_rest=edited("__torch__.py", data=CODE.encode(), deflate=True))

INNER = zip_file(model(data=OTHER_DATA))
PLAIN = zip_file(model())


def second_end(number_, size, at):
    """An end record whose comment holds another one, of the same directory."""
    inner = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, number_, number_, size, at, 0)
    return struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, number_, number_, size, at, len(inner)) + inner


def false_end(number_, size, at):
    """A comment that holds an end record of no directory."""
    inner = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0, 0, 0, 0, 0)
    return struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, number_, number_, size, at, len(inner)) + inner


def other_disk(number_, size, at):
    return struct.pack("<IHHHHIIH", 0x06054B50, 1, 1, number_, number_, size, at, 0)


def two_counts(number_, size, at):
    return struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, number_ - 1, number_, size, at, 0)


def two_directories():
    """Before the directory of one model lies that of another; the end record states the place of the first, and the
    size of the second, so that a reader that looks in front of the end record finds the second."""
    first = zip_file(model())
    second = model(data=OTHER_DATA)
    prefix = first[:first.rindex(b"PK\5\6")]
    at, size = struct.unpack("<II", first[-10:-2])[::-1]
    whole = zip_file(second, prefix=prefix)
    end = bytearray(whole[whole.rindex(b"PK\5\6"):])
    body = whole[:whole.rindex(b"PK\5\6")]
    end[12:16] = struct.pack("<I", len(body) - struct.unpack("<I", end[16:20])[0])
    end[16:20] = struct.pack("<I", at)
    del size
    return body + bytes(end)


add("end",
    comment=zip_file(model(), comment=b"hello"),
    comment_too_short=zip_file(model(), comment=b"hello")[:-2],
    behind=zip_file(model(), behind=b"hello"),
    behind_zeros=zip_file(model(), behind=bytes(100)),
    second_in_comment=zip_file(model(), end=second_end),
    false_in_comment=zip_file(model(), end=false_end),
    zip_in_comment=zip_file(model(), comment=INNER),
    zip_behind=zip_file(model(), behind=INNER),
    zip_behind_adjusted=zip_file(model(data=OTHER_DATA), prefix=PLAIN),
    prefix=zip_file(model(), prefix=b"#!/bin/sh\n"),
    prefix_not_adjusted=b"#!/bin/sh\n" + PLAIN,
    prefix_zip_not_adjusted=INNER + PLAIN,
    prefix_pickle=zip_file(model(), prefix=b"\x80\x02}."),
    gap_before_directory=zip_file(model(), directory_gap=b"hello"),
    two_directories=two_directories(),
    directory_size_less=zip_file(model(), directory_size_by=-1),
    directory_size_more=zip_file(model(), directory_size_by=1),
    directory_offset_less=zip_file(model(), directory_offset_by=-1),
    directory_offset_more=zip_file(model(), directory_offset_by=1),
    count_less=zip_file(model(), count=len(model()) - 1),
    count_more=zip_file(model(), count=len(model()) + 1),
    other_disk=zip_file(model(), end=other_disk),
    two_counts=zip_file(model(), end=two_counts))

# ---- Records of the archive

add("records",
    version_absent=without("version"),
    version_4=edited("version", data=b"4\n"),
    version_0=edited("version", data=b"0\n"),
    version_1=edited("version", data=b"1\n"),
    version_2=edited("version", data=b"2\n"),
    version_10=edited("version", data=b"10\n"),
    version_11=edited("version", data=b"11\n"),
    version_100=edited("version", data=b"100\n"),
    version_empty=edited("version", data=b""),
    version_spaces=edited("version", data=b" 3 \n"),
    version_sign=edited("version", data=b"+3\n"),
    version_more_text=edited("version", data=b"3abc\n"),
    version_zeros=edited("version", data=b"0003"),
    version_hex=edited("version", data=b"0x3"),
    version_lines=edited("version", data=b"3\n10\n"),
    version_huge=edited("version", data=b"99999999999999999999\n"),
    version_dot_data_alone=zip_file([Record(b"m/.data/version", b"3\n") if r.name == b"m/version" else r for r in model()]),
    versions_same=with_record(record(".data/version", b"3\n")),
    versions_differ=with_record(record(".data/version", b"10\n")),
    byteorder_little=with_record(record("byteorder", b"little")),
    byteorder_big=with_record(record("byteorder", b"big")),
    byteorder_other=with_record(record("byteorder", b"middle")),
    byteorder_newline=with_record(record("byteorder", b"little\n")),
    byteorder_empty=with_record(record("byteorder", b"")),
    format_version=with_record(record(".format_version", b"1")),
    storage_alignment=with_record(record(".storage_alignment", b"4096")),
    serialization_id=with_record(record(".data/serialization_id", b"1234")),
    model_json=with_record(record("model.json", b"{}")),
    model_json_broken=with_record(record("model.json", b"hello")),
    bytecode=with_record(record("bytecode.pkl", pickled(tuple_of(7)))),
    debug_pkl_broken=with_record(record("code/__torch__.py.debug_pkl", b"hello")),
    debug_pkl_empty=with_record(record("code/__torch__.py.debug_pkl", pickled(tuple_of()))),
    constants_absent=without("constants.pkl"),
    constants_list=zip_file(model(constants=pickled(b"](" + tensor(storage("0", 4), [4]) + b"e"))),
    constants_int=zip_file(model(constants=pickled(3))),
    constants_empty=zip_file(model(constants=pickled(tuple_of()))),
    constants_extra=zip_file(model(constants=pickled(tuple_of(tensor(storage("0", 4), [4]), 5)))),
    constants_ints=zip_file(model(constants=pickled(tuple_of(5)))),
    extra_file=with_record(record("extra/notes.txt", b"hello")),
    second_data_pkl=with_record(record("x/data.pkl", OTHER_DATA)),
    unread_code=with_record(record("code/__torch__/other.py", b"this is no code (")),
    traced_inputs=with_record(record("traced_inputs.pkl", pickled(dict_of({"forward": [1]})))),
    traced_inputs_broken=with_record(record("traced_inputs.pkl", b"hello")))
