"""Messages are written for people who have not seen the source: phrases that readers did not understand stay out of them."""
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOKEN = re.compile(r'''
    //[^\n]* | /\*.*?\*/              # comments
  | R"(?P<end>\w*)\((?P<raw>.*?)\)(?P=end)"
  | "(?P<text>(?:[^"\\\n]|\\.)*)"
  | '(?:[^'\\\n]|\\.)+'               # characters
  | \#include[^\n]*
  | \s+ | [\w.]+ | .
''', re.VERBOSE | re.DOTALL)

# Each with what to write in its place.  Case counts.
BANNED = {
    r"\b(?:is|are|it's|be) no (?!longer|more|less|fewer|other|different|difference|output|input|permission)":
        'a noun: "is not a zip archive", "must be an integer"',
    r"\b(?:has|have) no row\b": '"is not supported yet"',
    r"\bhas no form\b": '"is not supported in the qdq dialect"',
    r"\b(?:knows|know) (?:one|no|only|of no)\b|\bdoes not know\b|\bwhich \w+ knows\b": '"supports per-tensor scales only"',
    r"\bis(?: still)? not known\b": '"is unknown", or what is not supported',
    r"\bcannot be (?:meant|told|had)\b": "what is not supported",
    r"\b(?:is|are) of opset\b": '"supports opset 9 only"',
    r"\bwhat (?:it|they|these|this) (?:holds?|means?|has|have|is|are)\b": "the noun that is meant",
    r"\bof which nothing\b|\bsays what\b|\bis said\b": "what is missing, and where",
    r"\b(?:one|a) (?:scale|zero point|slope|number|stride|size|element|step) an? (?:tensor|channel|dimension|axis)\b":
        '"one scale per channel"',
    r"\bquantized (?:by|per) (?:tensor|channel)\b": '"per-tensor quantized", "per-channel quantized"',
    r"\bCaffe2 dialect\b": '"the caffe2 dialect", as --dialect has it',
    r"\bQDQ dialect\b": '"the qdq dialect", as --dialect has it',
    r"\b(?:only )?when the model runs\b": '"at run time"; of sizes: "open"',
    r"\bas (?:near|well) as can be\b|\bas they stand\b": "what is approximated",
    r"\bis there twice\b": '"occurs twice"',
    r"\} in place of \{": '"but 3 are expected"',
    r"\b(?:a|an|its) \w+ that cannot be$|\b(?:padding|step|scale|size|bounds) cannot be$": '"is out of range"',
    r"\bthe whole way\b|\bto the letter\b|\byardstick\b": "a plain word",
    r"\bwhat is left of it\b|\botherwise than\b": '"differs from"',
    r"\bfrom opset \S+ on\b": '"needs ONNX opset 11 or later"',
    r"\bnumbers? (?:a|an) (?:dimension|channel|axis)\b": '"per dimension"',
    r"\bwhole numbers?\b": '"integer"',
    r"\bstands? for nothing\b|\bmeans nothing\b|\bmean nothing\b": "what the value is",
}

def literals(text):
    """The string literals with their lines, adjacent ones joined."""
    line, start, parts = 1, 0, []
    for token in TOKEN.finditer(text):
        whole = token.group()
        string = token.group("text") if token.group("text") is not None else token.group("raw")
        if string is not None and not whole.startswith(("//", "/*")):
            start = start if parts else line
            parts.append(string)
        elif not (whole.isspace() or whole.startswith(("//", "/*"))):
            if parts:
                yield start, "".join(parts)
            parts = []
        line += whole.count("\n")
    if parts:
        yield start, "".join(parts)


def sources():
    for folder in ("src", "include"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".cc", ".h") and not re.search(r"_(?:test|testing|fuzz)\.\w+$", path.name):
                yield path


class Words(unittest.TestCase):
    def test_messages_have_no_phrases_that_readers_did_not_understand(self):
        found, count = [], 0
        for path in sources():
            for line, text in literals(path.read_text(encoding="utf-8")):
                count += " " in text
                for phrase, instead in BANNED.items():
                    if match := re.search(phrase, text):
                        found.append(f'{path.relative_to(ROOT)}:{line}: "{match.group()}" in "{text}"; write {instead}')
        self.assertGreater(count, 1000, "the literals are not found")
        self.assertEqual(found, [], "\n" + "\n".join(found))

    def test_literals_are_found(self):
        text = '#include "a b.h"\nf("one \\"two\\"",  // "no"\n  \'"\', "three "\n  "four", R"x(five "six")x");\n/* "no" */'
        self.assertEqual(list(literals(text)), [(2, 'one \\"two\\"'), (3, "three four"), (4, 'five "six"')])

    def test_phrases_are_found(self):
        for bad in ("it is no zip archive", "1 operator has no row", "knows one scale a tensor", "one scale a channel",
                    "the Caffe2 dialect is of opset 9 alone", "its bounds cannot be", "known only when the model runs",
                    "what it holds must be known", "mode x is not known"):
            self.assertTrue(any(re.search(phrase, bad) for phrase in BANNED), bad)
        for good in ("is not a zip archive", "one scale per channel", "quantized per output channel", "is no longer open",
                     "the caffe2 dialect supports opset 9 only", "cannot be converted", "the sum of a channel"):
            self.assertFalse([phrase for phrase in BANNED if re.search(phrase, good)], good)


if __name__ == "__main__":
    unittest.main()
