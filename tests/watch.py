"""The type checker that tests run under: beartype, with a whole number welcome where a float is asked for (PEP 484)."""

from beartype import BeartypeConf, beartype

watch = beartype(conf=BeartypeConf(is_pep484_tower=True))
