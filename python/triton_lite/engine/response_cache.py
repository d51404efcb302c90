"""What --cache-config says: which response cache there is, and how large it is."""

from __future__ import annotations

from collections.abc import Mapping

from triton_lite.errors import Code, TritonError

LOCAL = "local"
REDIS = "redis"
CACHES = (LOCAL, REDIS)
_MAX_BYTE_SIZE = 2**64 - 1

CacheConfig = Mapping[str, Mapping[str, str]]


def check_cache_config(config: CacheConfig, directory: str = "/opt/tritonserver/caches") -> None:
    """Refuse what no cache can be made of, in Triton's words. Raises TritonError.

    directory: where Triton would look for a cache of another name.
    """
    if len(config) > 1:
        raise TritonError(
            Code.INVALID_ARGUMENT,
            "found multiple cache configurations, but only a single cache is currently supported",
        )
    for name in config:
        if name not in CACHES:
            raise TritonError(
                Code.INVALID_ARGUMENT,
                f"unable to find 'libtritoncache_{name}.so' for cache. Searched: {directory}"
                f" (there are {' and '.join(CACHES)} here)",
            )
    local_cache_byte_size(config)


def local_cache_byte_size(config: CacheConfig) -> int:
    """Return the size of the local cache; 0: there is none. Raises TritonError(INVALID_ARGUMENT)."""
    if LOCAL not in config:
        return 0
    size = config[LOCAL].get("size")
    if size is None:
        raise _no_local_cache("config didn't contain a valid 'size' field.")
    try:
        byte_size = int(size)
    except ValueError:
        raise _no_local_cache(f"'size' has to be a number of bytes, as 1048576; got '{size}'") from None
    if not 0 < byte_size <= _MAX_BYTE_SIZE:
        raise _no_local_cache(f"'size' has to be between 1 and {_MAX_BYTE_SIZE} bytes; got {byte_size}")
    return byte_size


def _no_local_cache(why: str) -> TritonError:
    return TritonError(Code.INVALID_ARGUMENT, f"Failed to initialize LocalCache: {why}")
