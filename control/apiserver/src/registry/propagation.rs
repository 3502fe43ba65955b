//! What becomes of dependents: a policy that a DELETE names, or its kind does.

/// What happens to an object's dependents when it is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// They are deleted later by the garbage collector.
    Background,
    /// They are deleted first.
    Foreground,
    /// They stay.
    Orphan,
}
