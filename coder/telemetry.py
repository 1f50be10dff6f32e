"""Telemetry of the dependencies: every switch that turns it off, set before they are imported.

Libraries read these when they are imported or first used. They are set whatever the environment
says: tracing that somebody turned on for other programs would send issue texts elsewhere.
"""

from __future__ import annotations

import os

SWITCHES = {
    # onnxruntime looks up its host on import; its own function for it comes too late.
    "ORT_DISABLE_TELEMETRY": "1",
    "ANONYMIZED_TELEMETRY": "False",  # chromadb
    "CHROMA_OTEL_COLLECTION_ENDPOINT": "",
    # langchain sends every prompt to LangSmith where it is asked to.
    "LANGSMITH_TRACING": "false",
    "LANGSMITH_TRACING_V2": "false",
    "LANGCHAIN_TRACING_V2": "false",
    "LANGSMITH_GATEWAY": "false",
    # Clients of chat models trace requests, with their texts if so set.
    "OTEL_SDK_DISABLED": "true",
    "ANTHROPIC_OPEN_TELEMETRY": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "DO_NOT_TRACK": "1",
}


def switch_off() -> None:
    """Set them for this process and those it starts."""
    os.environ.update(SWITCHES)
