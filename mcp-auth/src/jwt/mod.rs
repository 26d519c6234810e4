//! JSON Web Tokens: those that clients bring, and those that a load balancer adds.

mod accepted;
mod alb;
mod claims;
mod config;
mod fetch;
mod keys;
mod verifier;

pub use self::{
    alb::AlbIdentity,
    config::{JwtError, SigningAlgorithm},
    verifier::Jwt,
};
