"""Our own paths: one module for each resource, the operations of all of them here."""

from gateway.admin import (
    deadletters,
    erasing,
    explain,
    health,
    lessons,
    memories,
    policies,
    profiles,
    report,
    sessions,
    users,
)

OPERATIONS = (
    *memories.OPERATIONS,
    *lessons.OPERATIONS,
    *sessions.OPERATIONS,
    *users.OPERATIONS,
    *profiles.OPERATIONS,
    *explain.OPERATIONS,
    *report.OPERATIONS,
    *policies.OPERATIONS,
    *health.OPERATIONS,
    *deadletters.OPERATIONS,
    *erasing.OPERATIONS,
)
