//! Connections of API Gateway's WebSocket APIs.

mod gateway;
mod store;

pub use self::{gateway::ApiGatewayConnections, store::DynamoDbConnectionStore};
