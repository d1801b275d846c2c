//! Multi-factor authentication for tower services.

pub mod error;

pub mod clock;

pub mod entropy;

pub mod id;

pub mod secret;

pub mod otp;

pub mod recovery_code;
