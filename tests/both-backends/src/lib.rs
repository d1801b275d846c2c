//! Nothing but its tests: tokens in a program that has both backends of jsonwebtoken.
