//! Whole accounts, as lines of JSON.

mod export;
mod format;
mod import;
mod reader;
