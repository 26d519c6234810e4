//! How services write requests and answers.

mod query;
mod refusal;
mod xml;

pub use self::xml::List;
pub(crate) use self::xml::{result_of, xml};
pub(crate) use self::{
    query::{append, form},
    refusal::refusal,
};

/// What a service speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// AWS JSON 1.0: a JSON object with the operation in `X-Amz-Target`.
    Json10 {
        /// What stands before the operation there.
        target: &'static str,
    },
    /// AWS JSON 1.1, the same with another content type.
    Json11 {
        /// What stands before the operation in `X-Amz-Target`.
        target: &'static str,
    },
    /// AWS query: a form with `Action` and `Version`; answers are XML. Elements of lists are
    /// `Name.member.1`.
    Query {
        /// The version of the service's interface.
        version: &'static str,
    },
    /// EC2's dialect of the query protocol, whose lists are `Name.1`.
    Ec2Query {
        /// The version of the service's interface.
        version: &'static str,
    },
    /// Methods and paths with JSON.
    RestJson,
    /// Methods and paths with XML.
    RestXml,
}
