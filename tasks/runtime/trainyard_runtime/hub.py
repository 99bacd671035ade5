"""What can go wrong between here and the model hub, told apart: unreachable, gated, missing, broken."""

import os
import ssl
import urllib.error
import urllib.request

from .errors import TaskError, retryable_error, terminal_error, user_error

PUBLIC_ENDPOINT = "https://huggingface.co"
CONNECT_SECONDS = 10


def use_cache_if_unreachable() -> None:
    """Asks the hub once; when nothing answers, its client is told to use its cache and not to try for a minute.

    Call it before huggingface_hub is imported: that reads HF_HUB_OFFLINE then, and never again.
    """
    request = urllib.request.Request(os.environ.get("HF_ENDPOINT") or PUBLIC_ENDPOINT, method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=CONNECT_SECONDS).close()
    except urllib.error.HTTPError:
        return  # it answers
    except OSError as error:
        if not isinstance(getattr(error, "reason", error), ssl.SSLError):  # its client may trust other certificates
            os.environ["HF_HUB_OFFLINE"] = "1"


def explain_hub_error(error: Exception, kind: str, name: str) -> TaskError:
    """A load's exception as an error with its own code: kind is "dataset", "model" or "lora"; name is the asked one.

    Codes: hub_gated, hub_unauthorized, hub_not_found, hub_unreachable, unsafe_weights, hub_failed; {kind}_unreadable.
    """
    if isinstance(error, TaskError):
        return error
    chain = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__ or current.__context__
    names = {type(link).__name__ for link in chain}
    statuses = {getattr(getattr(link, "response", None), "status_code", None) for link in chain}
    text = " ".join(str(link) for link in chain)
    endpoint = os.environ.get("HF_ENDPOINT") or "the Hugging Face hub"
    what = f"the {'adapter' if kind == 'lora' else kind} {name}"

    if "GatedRepoError" in names:
        return user_error(
            "hub_gated",
            f"{endpoint} keeps {what} behind a licence that you have to accept first.",
            f"Accept it on the page of {name}, then set HF_TOKEN to a token of that account.",
        )
    if "DatasetNotFoundError" in names and ("token" in text.lower() or "gated" in text.lower()):
        return user_error("hub_gated", f"{what} needs permission.", "Ask for access and set HF_TOKEN.")
    if 401 in statuses and os.environ.get("HF_TOKEN"):
        return user_error(
            "hub_unauthorized",
            f"{endpoint} does not show {what} to this token, or it does not exist.",
            "Check its spelling and that HF_TOKEN is valid and may read it.",
        )
    not_found = {"RepositoryNotFoundError", "DatasetNotFoundError", "RevisionNotFoundError", "HFValidationError"}
    if names & not_found or 404 in statuses or 401 in statuses:
        return user_error(
            "hub_not_found",
            f"{endpoint} has no {'model' if kind == 'lora' else kind} named {name} (or it is private).",
            "Check the spelling (owner/name); for a private one set HF_TOKEN.",
        )
    unreachable = {
        "ConnectError", "ConnectTimeout", "ReadTimeout", "ConnectionError", "ConnectionRefusedError", "gaierror",
        "LocalEntryNotFoundError", "OfflineModeIsEnabled", "MaxRetryError", "NameResolutionError", "ProxyError",
        "RemoteProtocolError", "ReadError", "TimeoutException", "SSLError",
    }  # fmt: skip
    if names & unreachable or "couldn't connect" in text.lower() or "couldn't reach" in text.lower():
        return retryable_error(
            "hub_unreachable",
            f"{endpoint} can't be reached to load {what}.",
            "Check the network, or set HF_ENDPOINT to a mirror; local folders, local files and builtin: names "
            "need no network.",
        )
    if any(status and status >= 500 or status == 429 for status in statuses):
        return retryable_error("hub_failed", f"{endpoint} failed while loading {what}.", "Try again later.")
    if "safetensors" in text and ("no file named" in text or "does not appear to have" in text):
        return user_error(
            "unsafe_weights",
            f"{what} has no safetensors weights; pickled weights can run code and are never loaded.",
            "Choose a model that is published as safetensors, or convert it first.",
        )
    if "trust_remote_code" in text:
        return user_error(
            "remote_code", f"{what} wants to run code of its own, which is never done.", "Choose another one."
        )
    if kind == "dataset" and ("BuilderConfig" in text or "Config name" in text or "config name" in text.lower()):
        return user_error("unknown_config", f"{what}: {str(error)[:400]}", "Name one as huggingface:NAME:config.")
    return terminal_error(
        f"{kind}_unreadable", f"{what} can't be loaded: {type(error).__name__}: {str(error)[:300]}", "See the log."
    )
