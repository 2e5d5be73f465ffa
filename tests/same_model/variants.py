"""Files that two readers may read as different models: VARIANTS maps a name to the file's bytes."""

import pickle_variants  # noqa: F401
import source_variants  # noqa: F401
import zip_variants  # noqa: F401
from making import VARIANTS  # noqa: F401
