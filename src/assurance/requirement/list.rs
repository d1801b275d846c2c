//! Lists that a constant can begin and a program can go on with.

use std::fmt;

/// A list whose beginning may stand in the program's read-only data, so that a requirement can be a `const`.
#[derive(Clone)]
pub(crate) struct List<T: 'static> {
    fixed: &'static [T],
    added: Vec<T>,
}

impl<T> List<T> {
    pub(super) const EMPTY: Self = Self { fixed: &[], added: Vec::new() };

    pub(super) const fn begin_with(&mut self, fixed: &'static [T]) {
        self.fixed = fixed;
    }

    pub(super) fn push(&mut self, item: T) {
        self.added.push(item);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> + Clone {
        self.fixed.iter().chain(&self.added)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.fixed.is_empty() && self.added.is_empty()
    }
}

impl<T: PartialEq> List<T> {
    pub(super) fn contains(&self, item: &T) -> bool {
        self.iter().any(|known| known == item)
    }
}

impl<T: fmt::Debug> fmt::Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Two lists of the same items are one, wherever the items stand.
impl<T: PartialEq> PartialEq for List<T> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<T: Eq> Eq for List<T> {}

/// A list of names.
#[derive(Clone)]
pub(crate) struct Words {
    fixed: &'static [&'static str],
    added: Vec<Box<str>>,
}

impl Words {
    pub(super) const EMPTY: Self = Self { fixed: &[], added: Vec::new() };

    pub(super) const fn begin_with(&mut self, fixed: &'static [&'static str]) {
        self.fixed = fixed;
    }

    pub(super) fn push(&mut self, word: impl Into<Box<str>>) {
        self.added.push(word.into());
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> + Clone {
        self.fixed.iter().copied().chain(self.added.iter().map(|word| &**word))
    }

    pub(super) fn contains(&self, word: &str) -> bool {
        self.iter().any(|known| known == word)
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for Words {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Words {}
