//! One thing is changed about a good ceremony at a time; each is refused by the step that is meant to.

mod good;
mod scene;
