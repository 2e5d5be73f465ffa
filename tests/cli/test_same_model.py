"""A file that PyTorch 1.13 or 2.13 reads as another model than Octavo does is refused, and one that all read alike is read.

tests/same_model has the files, and what both PyTorches answer for them.
"""

import concurrent.futures
import json
import pathlib
import sys
import tempfile
import unittest

import npy
import octavo_cli

FOLDER = octavo_cli.ROOT / "tests" / "same_model"
sys.path.insert(0, str(FOLDER))
import variants  # noqa: E402

EXPECTED = json.loads((FOLDER / "expected.json").read_text())

# Both PyTorches read these alike, and Octavo refuses them: docs/security.md says why.
REFUSED = {
    # Two things of one name: readers other than PyTorch's take the other one.
    "case.code_twice", "case.code_twice_first", "case.constants_twice", "case.data_twice", "case.data_twice_first",
    "case.root_twice", "case.storage_folder_twice", "case.storage_key", "dict.attribute_twice", "dict.key_twice",
    "dict.key_set_again", "names.code_twice", "names.data_twice", "names.data_twice_first", "names.twice_same_bytes",
    "names.unused_twice", "source.class_twice", "source.class_twice_before", "source.function_twice", "source.root_class_twice",
    # Damage: headers, names and checksums that contradict each other, values out of their ranges.
    "headers.crc", "headers.crc_of_storage", "headers.local_crc", "headers.local_method", "headers.local_name",
    "headers.local_name_case", "headers.local_name_empty", "headers.local_name_longer", "headers.local_size",
    "headers.local_size_0", "names.empty", "names.nul", "names.nul_first", "protocol.mark_left", "quantizer.nan_scale",
    "quantizer.negative_scale", "quantizer.zero_scale", "records.byteorder_big", "records.byteorder_empty",
    "records.byteorder_newline", "records.byteorder_other", "case.byteorder_upper", "records.traced_inputs_broken",
    "records.version_lines", "records.version_more_text", "records.version_sign", "records.version_spaces",
    "storage.count_more", "storage.type_bool", "strings.class_name_spaces", "end.other_disk",
    # It begins as a pickle: torch.load takes it for one.
    "end.prefix_pickle",
    # Attributes whose type is not that of their class.  What PyTorch computes with them is not defined.
    "attributes.child_of_other_class", "attributes.child_of_other_class_and_order", "attributes.float_for_int",
    "attributes.floats_for_ints", "attributes.int_for_string", "attributes.list_for_tuple", "attributes.mixed_list",
    "attributes.string_for_optional", "attributes.untagged_floats",
    # Functions and types as numbers, which they are inside PyTorch only.
    "opcodes.build_calls_function", "opcodes.build_without_newobj", "opcodes.class_as_value", "opcodes.global_as_value",
    "opcodes.qscheme_as_value", "opcodes.reduce_class", "quantizer.scheme_as_int", "storage.not_of_a_tensor",
    "storage.type_as_int", "storage.type_device", "storage.type_qscheme", "source.enum_built",
    # PyTorch's own writer writes none of these.
    "source.constant_other_name", "source.literal_inf", "source.literal_octal", "source.precedence_power", "view.metadata_other",
}
# PyTorch reads these in no version, and Octavo does: there is one model in them.
READ = {
    "dict.tag_of_list", "interface.schema_differs", "roots.file_without_folder_first", "roots.foreign_folder_first",
    "source.attribute_annotated_value", "source.attribute_assigned", "source.attribute_value_and_pickle",
    "source.last_line_without_newline", "source.no_bases", "source.other_base", "source.return_type", "source.string_escape",
    "source.type_absent", "source.unread_method_broken", "source.unread_method_operator",
    *(f"versions.gelu_{n}" for n in range(1, 10)),
}


def close(numbers, others):
    return len(numbers) == len(others) and all(a == b or abs(a - b) <= 1e-5 * abs(b) for a, b in zip(numbers, others))


class SameModel(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.scratch.cleanup)
        folder = pathlib.Path(cls.scratch.name)
        npy.write(folder / "x.npy", "<f4", [4], [0.0, 1.0, 2.0, 3.0])

        def answer(variant):
            model, out = folder / (variant + ".pt"), folder / variant
            model.write_bytes(variants.VARIANTS[variant])
            result = octavo_cli.run("run", model, "--input", folder / "x.npy", "-o", out)
            if result.returncode != 0:
                return None, result
            return npy.read(out / "y0.npy")[2], result

        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            cls.answers = dict(zip(variants.VARIANTS, pool.map(answer, variants.VARIANTS)))

    def test_every_file_was_asked_of_pytorch(self):
        self.assertEqual(set(EXPECTED), set(variants.VARIANTS))

    def test_no_file_is_another_model_to_pytorch(self):
        for variant, expected in EXPECTED.items():
            with self.subTest(variant):
                numbers, result = self.answers[variant]
                self.assertIn(result.returncode, (0, 3), result.stderr)
                read = [answer for answer in expected.values() if answer is not None]
                for other in read if numbers is not None else []:
                    self.assertTrue(close(numbers, other), f"{numbers} is not {other}")

    def test_what_all_read_alike_is_read(self):
        for variant, expected in EXPECTED.items():
            read = [answer for answer in expected.values() if answer is not None]
            alike = len(read) == 2 and all(close(answer, read[0]) for answer in read)
            with self.subTest(variant):
                numbers, result = self.answers[variant]
                if variant in REFUSED:
                    self.assertIsNone(numbers, "it is read: take it out of REFUSED")
                elif alike:
                    self.assertIsNotNone(numbers, result.stderr)

    def test_what_pytorch_refuses_is_refused(self):
        for variant, expected in EXPECTED.items():
            if any(answer is not None for answer in expected.values()):
                continue
            with self.subTest(variant):
                numbers, result = self.answers[variant]
                if variant in READ:
                    self.assertIsNotNone(numbers, "it is refused: take it out of READ")
                else:
                    self.assertIsNone(numbers)
                    self.assertEqual(result.returncode, 3, result.stderr)

    def test_one_message(self):
        for variant, (numbers, result) in self.answers.items():
            if numbers is None:
                with self.subTest(variant):
                    self.assertEqual(result.stderr.count("octavo: "), 1, result.stderr)


if __name__ == "__main__":
    unittest.main()
