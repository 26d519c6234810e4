//! Secrets that AWS keeps, as servers read them: API keys, for one.

use std::{fmt, str::FromStr};

use aws_config::SdkConfig;
use mcp_core::{BoxError, SecretSource};
use serde::Deserialize;
use tokio::sync::OnceCell;

use crate::{Client, Error, Request, load_config, service};

/// A secret text in AWS Secrets Manager or in SSM Parameter Store.
///
/// It is parsed from `secretsmanager:NAME` (a name, or the ARN of a secret of another account) or
/// `ssm:NAME` (a parameter such as `/mcp/api-keys`; a `SecureString` is decrypted). Reading asks AWS,
/// for the version that is current then, so that a secret which is read again is rotated without a
/// restart. It needs the permission `secretsmanager:GetSecretValue` or `ssm:GetParameter`, and
/// `kms:Decrypt` where the key is one of your own.
///
/// ```
/// # fn main() -> Result<(), mcp_aws::AwsSecretError> {
/// let keys: mcp_aws::AwsSecret = "ssm:/mcp/api-keys".parse()?;
/// # let _ = keys; Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct AwsSecret {
    place: Place,
    client: OnceCell<Client>,
}

#[derive(Clone, Debug)]
enum Place {
    SecretsManager(Box<str>),
    Parameter(Box<str>),
}

/// A text that names no place where AWS keeps secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no place of a secret: expected `secretsmanager:NAME` or `ssm:NAME`")]
pub struct AwsSecretError(Box<str>);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SecretsManager(name) => write!(f, "secretsmanager:{name}"),
            Self::Parameter(name) => write!(f, "ssm:{name}"),
        }
    }
}

impl FromStr for AwsSecret {
    type Err = AwsSecretError;

    fn from_str(text: &str) -> Result<Self, AwsSecretError> {
        let place = match text.split_once(':') {
            Some(("secretsmanager", name)) if !name.is_empty() => {
                Place::SecretsManager(name.into())
            }
            Some(("ssm", name)) if !name.is_empty() => Place::Parameter(name.into()),
            _ => return Err(AwsSecretError(text.into())),
        };
        Ok(Self { place, client: OnceCell::new() })
    }
}

impl AwsSecret {
    /// Reads with this configuration, instead of the environment's.
    #[must_use]
    pub fn config(self, config: &SdkConfig) -> Self {
        Self { client: OnceCell::from(Client::new(config)), ..self }
    }

    async fn ask(&self) -> Result<Option<String>, Error> {
        let client = self.client.get_or_init(|| async { Client::new(&load_config().await) }).await;
        match &self.place {
            Place::SecretsManager(name) => {
                let request = Request::new(&service::SECRETS_MANAGER, "GetSecretValue");
                let answer: Secret = client.call(request.with("SecretId", &**name)).await?;
                Ok(answer.secret_string)
            }
            Place::Parameter(name) => {
                let request = Request::new(&service::SSM, "GetParameter")
                    .with("Name", &**name)
                    .with("WithDecryption", true);
                let answer: Parameter = client.call(request).await?;
                Ok(Some(answer.parameter.value))
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Secret {
    /// Missing where the secret is bytes.
    secret_string: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    parameter: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Value {
    value: String,
}

#[async_trait::async_trait]
impl SecretSource for AwsSecret {
    async fn read(&self) -> Result<String, BoxError> {
        match self.ask().await {
            Ok(Some(text)) => Ok(text),
            Ok(None) => Err(format!("{}: it holds bytes, expected text", self.place).into()),
            Err(error) => Err(format!("{}: {error}", self.place).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_by_their_prefix() {
        for place in [
            "secretsmanager:mcp/keys",
            "secretsmanager:arn:aws:secretsmanager:eu-central-1:123456789012:secret:keys-AbCdEf",
            "ssm:/mcp/api-keys",
        ] {
            assert_eq!(place.parse::<AwsSecret>().unwrap().place.to_string(), place);
        }
        for place in ["", "keys", "ssm:", "secretsmanager:", "s3:bucket/keys", "SSM:/x"] {
            let error = place.parse::<AwsSecret>().unwrap_err().to_string();
            assert!(error.contains("secretsmanager:NAME"), "{error}");
        }
    }
}
