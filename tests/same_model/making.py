"""Makes the files of the *_variants.py: a model of model_file.py with something changed."""

from model_file import (CODE, Record, attributes, changed, dict_of, instance, model, module, pickled, storage, tensor,
                        zip_file)

VARIANTS = {}
OTHER_CODE = CODE.replace("torch.add(y2, CONSTANTS.c0)", "torch.sub(y2, CONSTANTS.c0)")
OTHER_DATA = module(w=tensor(storage("0", 8), [4], offset=4))


def add(group, **files):
    for variant, content in files.items():
        full = f"{group}.{variant}"
        assert full not in VARIANTS, full
        VARIANTS[full] = content


def record(path, content=b"", root="m/", **fields):
    return Record((root + path).encode(), content, **fields)


def with_record(*more, first=False, **fields):
    records = model(**fields)
    return zip_file(list(more) + records if first else records + list(more))


def without(suffix, **fields):
    return zip_file([r for r in model(**fields) if not r.name.endswith(suffix.encode())])


def edited(suffix, **fields):
    return zip_file(changed(model(), suffix, **fields))


def code(source, **fields):
    return zip_file(model(code={"__torch__.py": source}, **fields))


def swapped(old, new, text_=CODE, **fields):
    assert old in text_, old
    return code(text_.replace(old, new, 1), **fields)


def attrs(**changed_):
    return zip_file(model(data=module(**changed_)))


def without_attribute(attribute):
    items = attributes()
    del items[attribute]
    return zip_file(model(data=pickled(instance("__torch__.M", dict_of(items)))))


def data(root, **fields):
    return zip_file(model(data=root, **fields))
