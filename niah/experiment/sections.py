"""The settings by what they are about: for help and for templates. Every config key and every gate stands in one."""

from __future__ import annotations

from collections.abc import Mapping

# config keys by section, in the order of the help; what a command brings itself stands above them
KEY_SECTIONS: Mapping[str, tuple[str, ...]] = {
    "Model": (
        "provider", "model", "base_url", "api_key_env", "api_key_file", "ca_file", "extra", "headers",
        "reply_tokens", "reply_field", "claimed", "canary",
    ),
    "Text and task": (
        "haystack", "task", "language", "needle_count", "placement", "value_kind", "distractor_count", "lure_count",
        "ask_for", "tolerance_s", "questions", "controls", "may_be_absent",
    ),
    "Grid": ("lengths", "depths", "epochs", "seed", "haystack_per", "aligned", "tokenizer"),
    "Adaptive": ("adaptive", "bisect", "threshold", "trials_per_length"),
    "Pace": (
        "concurrency", "in_flight_tokens", "requests_per_minute", "tokens_per_minute", "order", "cache_marks",
        "attempts", "timeout_s", "longest_wait_s", "patience", "max_errors",
    ),
    "Budget": ("price", "max_cost", "max_tokens", "max_minutes"),
}  # fmt: skip
LIMIT_SECTIONS: Mapping[str, tuple[str, ...]] = {
    "Share found": (
        "min_found", "min_found_per_length", "min_found_per_band", "min_effective_length", "effective_rule",
    ),
    "Against a baseline (niah gate NEW --baseline OLD)": (
        "max_drop", "drop_margin", "drop_per_length", "drop_per_band",
    ),
    "Other answers, time, cost": ("max_hallucination", "max_unscored", "max_p95_s", "max_cost", "price"),
    "How much must have been measured": ("min_trials", "min_trials_per_length"),
    "Whether the instrument can be trusted": ("max_age", "max_mismatch", "min_oracle", "max_guess"),
    "The verdict": ("confidence", "haystacks"),
}  # fmt: skip
OTHER = "Further settings"
