//! What can happen, and how often.

use proptest::prelude::*;

use super::CODES;

#[derive(Debug, Clone, Copy)]
pub(super) enum Op {
    Login,
    /// Opens a challenge from the nth session.
    StepUp(usize),
    /// Answers the nth challenge.
    Totp(usize, Named, Typed),
    Recovery(usize, Option<usize>),
    Advance(u64),
    Refresh(usize),
    LogOut(usize),
    Unlock,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Named {
    Any,
    App(usize),
    Unknown,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Typed {
    /// What an app shows so many steps from now.
    Shown(usize, i8),
    /// The code that was accepted last.
    Replayed,
    Foreign,
    Wrong,
}

pub(super) fn op() -> impl Strategy<Value = Op> {
    let named = prop_oneof![3 => Just(Named::Any), 2 => (0..2_usize).prop_map(Named::App), 1 => Just(Named::Unknown)];
    let typed = prop_oneof![
        4 => (0..2_usize, -2..=2_i8).prop_map(|(app, steps)| Typed::Shown(app, steps)),
        1 => Just(Typed::Replayed),
        1 => Just(Typed::Foreign),
        4 => Just(Typed::Wrong),
    ];
    let any = 0..64_usize;
    prop_oneof![
        4 => Just(Op::Login),
        4 => any.clone().prop_map(Op::StepUp),
        14 => (any.clone(), named, typed).prop_map(|(n, named, typed)| Op::Totp(n, named, typed)),
        2 => (any.clone(), proptest::option::of(0..CODES)).prop_map(|(n, code)| Op::Recovery(n, code)),
        6 => prop_oneof![1..40_u64, Just(30), Just(60), Just(301), Just(1800)].prop_map(Op::Advance),
        1 => any.clone().prop_map(Op::Refresh),
        1 => any.prop_map(Op::LogOut),
        1 => Just(Op::Unlock),
    ]
}
