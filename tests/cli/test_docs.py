"""The texts of the project name files, functions and tests that exist."""
import fnmatch
import functools
import json
import pathlib
import re
import shlex
import unittest

import octavo_cli

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*/*.md")])
CAFFE2 = ROOT / "docs" / "symbolic_caffe2.md"
# Folders of the sources, which texts name without "src/octavo/".
SOURCE_FOLDERS = sorted(f.name for f in (ROOT / "src" / "octavo").iterdir() if f.is_dir())
# Folders whose content is made by a build or by a user.
MADE = ("build/", "archive/", "code/", "data/", "constants/", "extra/", "traced_inputs/", "test_data_set_0/")
# Files of others, and names that stand for any file.
NOT_OURS = {"symbolic_caffe2.py", "symbolic_helper.py", "utils.py", "onnx.proto", "x.cc", "x_test.cc", "index.json"}
# Readers who had not seen the source did not understand these.
BANNED = [
    "as near as can be", "best of 1", "cannot be meant", "has no row", "have no row", "in place of an error",
    "is no dtype", "is not its alone", "is said to be exact", "is said what", "may spare itself", "models out of pytorch",
    "nothing is to be had", "once an input", "one scale a tensor", "one scale a channel",
    "such a one", "the last form but", "the whole way", "to the letter", "what has none", "what is left of it", "yardstick",
]
# Functions and classes of PyTorch 1.13; tests/caffe2/test_symbols.py holds them against the real modules.
SYMBOLS = {
    "torch.onnx.symbolic_caffe2": """
        register_quantized_ops _permute_helper nchw2nhwc nhwc2nchw linear_prepack linear conv_prepack conv2d conv2d_relu
        add relu quantize_per_tensor dequantize _empty_affine_quantized upsample_nearest2d max_pool2d avg_pool2d reshape
        slice cat sigmoid""".split(),
    "torch.onnx._internal.registration": """
        _dispatch_opset_version OverrideDict set_base in_base override remove_override overridden _SymbolicFunctionGroup
        get add add_custom remove_custom get_min_supported SymbolicRegistry register unregister get_function_group
        is_registered_op all_functions onnx_symbolic custom_onnx_symbolic""".split(),
    "torch.onnx._internal.jit_utils": """
        GraphContext op aten_op add_op_with_blocks _add_op _const_if_tensor _create_node _is_onnx_list _scalar
        _is_caffe2_aten_fallback _add_attribute _is_tensor get_device_from_value""".split(),
}


def text_of(page):
    return page.read_text(encoding="utf-8")


def without_code_blocks(text):
    return re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)


def without_code(text):
    return re.sub(r"`[^`\n]+`", "", without_code_blocks(text))


def without_times(text):
    return re.sub(r"\d+(\.\d+)? (s|ms)\b", "TIME", text).strip()


@functools.cache
def file_names():
    folders = ["src", "include", "tests", "scripts", "bench", "docs", "examples", "cmake", ".ci"]
    return {f.name for folder in folders for f in (ROOT / folder).rglob("*")} | {f.name for f in ROOT.iterdir()}


def anchor(heading):
    """GitHub's anchor of a heading."""
    words = re.sub(r"[`*]", "", heading.strip().lower())
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


def anchors(page):
    return {anchor(h) for h in re.findall(r"^#+ (.*)$", without_code_blocks(text_of(page)), re.M)}


def exists(path, page):
    """Whether a path in a text is there: from the root, beside the page, or in the folder of the sources."""
    if path.startswith(MADE):
        return True
    return any(any(True for _ in base.glob(path)) for base in (ROOT, page.parent, ROOT / "src" / "octavo", ROOT / "include"))


def is_path(word):
    return re.fullmatch(r"[\w.*-]+(/[\w.*-]+)*/?", word) and (
        re.search(r"\.(md|py|cc|h|txt|sh|json|proto)$", word) or
        word.split("/")[0] in ("src", "tests", "docs", "scripts", "bench", "examples", "include", "cmake", ".ci"))


class Links(unittest.TestCase):
    def test_relative_links_lead_to_files_and_headings(self):
        for page in PAGES:
            for target in re.findall(r"\]\(([^)\s]+)\)", without_code(text_of(page))):
                if re.match(r"[a-z]+:", target):
                    continue
                path, _, heading = target.partition("#")
                file = (page.parent / path).resolve() if path else page
                with self.subTest(page=page.name, target=target):
                    self.assertTrue(file.exists())
                    if heading:
                        self.assertIn(heading, anchors(file if file.is_file() else file / "README.md"))

    def test_paths_in_backticks_exist(self):
        seen = 0
        for page in PAGES:
            if page.name == "CHANGELOG.md":  # may name what is gone
                continue
            # Names of PyTorch's, ONNX Runtime's and OpenVINO's sources have another root.
            for word in re.findall(r"`([^`\s]+)`", without_code_blocks(text_of(page))):
                if not is_path(word) or word.startswith(("torch/", "intel_cpu/", "core/")):
                    continue
                seen += 1
                with self.subTest(page=page.name, path=word):
                    if "/" in word:
                        self.assertTrue(exists(word, page))
                    else:
                        self.assertTrue(word in NOT_OURS or fnmatch.filter(file_names(), word))
        self.assertGreater(seen, 100)

    def test_every_page_is_in_the_index(self):
        index = text_of(ROOT / "docs" / "README.md")
        for page in sorted((ROOT / "docs").glob("*.md")):
            if page.name != "README.md":
                self.assertIn("(%s" % page.name, index)


class Commands(octavo_cli.CliTest):
    """What the texts say of the command line is what the program does."""

    def options(self, *command):
        said = octavo_cli.run(*command, "--help").stdout
        return set(re.findall(r"^ *(?:-\w, ?)?(--[a-z][a-z-]*)", said, re.M)) - {"--help"}

    def test_every_option_of_every_command_is_listed(self):
        page = text_of(ROOT / "docs" / "command_line.md")
        common = set(re.findall(r"^\| `.*(--[a-z-]+)`", page.split("## ")[0], re.M)) - {"--help"}
        sections = {title.split()[1]: body for title, body in
                    re.findall(r"^## (octavo \w+.*?)\n(.*?)(?=^## |\Z)", page, re.M | re.S)}
        self.assertEqual(set(sections), {"inspect", "export", "verify", "run", "convert", "bench", "ops"})
        for command, body in sections.items():
            rows = [line.split(" | ")[0] for line in body.splitlines() if line.startswith("| `")]
            named = set(re.findall(r"`(--[a-z][a-z-]*)", "\n".join(rows)))
            if command == "ops":  # has a sentence instead of a table
                named |= set(re.findall(r"`(--[a-z][a-z-]*)", body))
            with self.subTest(command=command):
                self.assertEqual(named | common, self.options(command))

    def test_options_in_examples_exist(self):
        seen = 0
        for page in PAGES:
            for language, block in re.findall(r"^```(\w*)\n(.*?)^```$", text_of(page), re.M | re.S):
                if language:
                    continue
                for line in block.replace("\\\n", " ").splitlines():
                    found = re.match(r"(?:\$ )?(?:build/release/)?octavo (\w+) (.*)", line.strip())
                    if not found:
                        continue
                    seen += 1
                    with self.subTest(page=page.name, line=line):
                        self.assertLessEqual(set(re.findall(r"(?<!\S)(--[a-z][a-z-]*)", found[2])), self.options(found[1]))
        self.assertGreaterEqual(seen, 8)

    def test_outputs_shown_in_the_readme_are_true(self):
        """Each `$ octavo ...` and the lines below it, but for seconds and milliseconds."""
        (self.folder / "examples").symlink_to(ROOT / "examples")
        shown = re.findall(r"^\$ (octavo .*)\n((?:.+\n)+?)(?=```|\$|\n)", text_of(ROOT / "README.md"), re.M)
        self.assertGreaterEqual(len(shown), 2)
        for command, output in shown:
            words = shlex.split(command)[1:]
            ran = octavo_cli.run(*words, cwd=self.folder)
            with self.subTest(command=command):
                self.assertEqual(without_times(ran.stdout + ran.stderr), without_times(output))


class Notices(unittest.TestCase):
    def test_every_library_of_the_build_has_one(self):
        notices = text_of(ROOT / "THIRD_PARTY_NOTICES.md").lower()
        cmake = text_of(ROOT / "CMakeLists.txt")
        libraries = set(re.findall(r"find_package\((\S+) REQUIRED", cmake)) | set(re.findall(r"IMPORTED_TARGET (\S+?)\)", cmake))
        libraries -= {"Threads", "PkgConfig", "GTest"}
        self.assertGreaterEqual(len(libraries), 6)
        for library in libraries:
            self.assertIn({"Protobuf": "protocol buffers"}.get(library, library.lower()), notices)

    def test_the_licence_is_the_whole_one(self):
        licence = text_of(ROOT / "LICENSE")
        self.assertIn("Apache License\n                           Version 2.0, January 2004", licence)
        self.assertIn("END OF TERMS AND CONDITIONS", licence)
        self.assertIn("Copyright 2026 The Octavo authors", licence)


class Words(unittest.TestCase):
    def test_phrases_that_readers_did_not_understand_do_not_come_back(self):
        for file in [*PAGES, *sorted((ROOT / "include" / "octavo").glob("*.h"))]:
            text = re.sub(r"\s*\n *(// )?\s*", " ", text_of(file)).lower()
            for phrase in BANNED:
                with self.subTest(file=file.name, phrase=phrase):
                    self.assertFalse(phrase.lower() in text)

    def test_the_readme_is_short(self):
        self.assertLessEqual(len(text_of(ROOT / "README.md").splitlines()), 150)


class SymbolicCaffe2(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.text = text_of(CAFFE2)
        cls.rows = [[cell.strip() for cell in line.strip().strip("|").split(" | ")]
                    for line in cls.text.splitlines() if line.startswith("| `")]
        cls.cases = {c["name"]: c for c in json.loads(text_of(ROOT / "tests" / "data" / "caffe2" / "cases.json"))}

    def test_every_function_of_the_modules_has_a_row(self):
        named = {name for row in self.rows for name in re.findall(r"`([^`]+)`", row[0])}
        for module, names in SYMBOLS.items():
            for name in names:
                with self.subTest(module=module):
                    self.assertIn(name, named)

    def test_rows_have_five_cells(self):
        for row in self.rows:
            self.assertEqual(len(row), 5, row[0])

    def test_named_functions_are_in_the_named_files(self):
        pairs = re.findall(r"`([\w./]+\.(?:cc|h|py))`: ((?:`[\w:]+`(?:, )?)+)", self.text)
        self.assertGreater(len(pairs), 60)
        for path, names in pairs:
            file = ROOT / path
            with self.subTest(path=path):
                self.assertTrue(file.is_file())
                for name in re.findall(r"`([\w:]+)`", names):
                    self.assertRegex(text_of(file), r"\b%s\b" % re.escape(name.split("::")[-1]))

    def test_named_networks_compare_as_the_row_says(self):
        kinds = {"same": "same", "wrong there": "differs", "fails there": "fails"}
        seen = set()
        for kind, names in re.findall(r"(same|[Ww]rong there|[Ff]ails there): ((?:`\w+`(?:,\s)?)+)", self.text):
            for name in re.findall(r"`(\w+)`", names):
                with self.subTest(network=name):
                    self.assertEqual(self.cases[name]["expect"], kinds[kind.lower()])
                seen.add(name)
        self.assertGreater(len(seen), 70)

    def test_every_network_that_goes_wrong_is_named(self):
        for name, case in self.cases.items():
            if case["expect"] != "same":
                with self.subTest(network=name):
                    self.assertIn("`%s`" % name, self.text)

    def test_refused_networks_are_the_ones_that_the_page_names(self):
        said = re.search(r"Octavo refuses\s+four of the networks \(([^)]*)\)", self.text).group(1)
        self.assertEqual(set(re.findall(r"`(\w+)`", said)), {n for n, c in self.cases.items() if c["refused"]})


if __name__ == "__main__":
    unittest.main()
