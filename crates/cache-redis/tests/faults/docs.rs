//! The table in `docs/faults.md` names tests that exist.
