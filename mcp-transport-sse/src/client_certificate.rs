use std::fmt;

use mcp_core::Principal;
use tokio_rustls::rustls::pki_types::CertificateDer;
use x509_parser::{
    certificate::X509Certificate, error::X509Error, extensions::GeneralName, prelude::FromDer as _,
};

/// A certificate that says nothing by which a caller could be known.
#[derive(Debug)]
pub(crate) enum Unnamed {
    Malformed,
    Empty,
}

impl fmt::Display for Unnamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the client's certificate cannot be read",
            Self::Empty => {
                "the client's certificate names nobody: it has neither a URI, a DNS name or an \
                 email address (subjectAltName) nor a common name"
            }
        })
    }
}

/// Whose certificate it is, which the handshake has verified.
///
/// `cert:` and the first of these that there is: `URI:…`, `DNS:…`, `email:…` of `subjectAltName`,
/// `CN=…` of the subject. A URI goes first because it is what SPIFFE names workloads by. The kind is
/// part of the name, so that one kind cannot pass for another.
pub(crate) fn principal(
    certificate: &CertificateDer<'_>,
    scopes: &[Box<str>],
) -> Result<Principal, Unnamed> {
    let malformed = |_| Unnamed::Malformed;
    let (_, certificate) =
        X509Certificate::from_der(certificate).map_err(|error| malformed(error.into()))?;
    let name = alternative_name(&certificate).map_err(malformed)?;
    let name = match name {
        Some(name) => name,
        None => {
            let common_name = certificate.subject().iter_common_name().next();
            let common_name = common_name.ok_or(Unnamed::Empty)?.as_str().map_err(malformed)?;
            format!("CN={common_name}")
        }
    };
    Ok(Principal::new(format!("cert:{name}"), scopes.iter().cloned()))
}

fn alternative_name(certificate: &X509Certificate<'_>) -> Result<Option<String>, X509Error> {
    let Some(extension) = certificate.subject_alternative_name()? else { return Ok(None) };
    let names = &extension.value.general_names;
    let first = |named: fn(&GeneralName<'_>) -> Option<String>| names.iter().find_map(named);
    let uri = first(|name| match name {
        GeneralName::URI(uri) => Some(format!("URI:{uri}")),
        _ => None,
    });
    let dns = || {
        first(|name| match name {
            GeneralName::DNSName(dns) => Some(format!("DNS:{dns}")),
            _ => None,
        })
    };
    let email = || {
        first(|name| match name {
            GeneralName::RFC822Name(email) => Some(format!("email:{email}")),
            _ => None,
        })
    };
    Ok(uri.or_else(dns).or_else(email))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn subject(names: Vec<SanType>, common_name: Option<&str>) -> Result<String, Unnamed> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = names;
        params.distinguished_name = rcgen::DistinguishedName::new();
        if let Some(name) = common_name {
            params.distinguished_name.push(DnType::CommonName, name);
        }
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        principal(certificate.der(), &[]).map(|principal| principal.subject().to_owned())
    }

    #[test]
    fn the_most_telling_name_names_the_caller() {
        let uri = SanType::URI("spiffe://example.com/ci".try_into().unwrap());
        let dns = SanType::DnsName("ci.example.com".try_into().unwrap());
        let email = SanType::Rfc822Name("ada@example.com".try_into().unwrap());
        let named = |names| subject(names, Some("Ada")).unwrap();
        let all = vec![email.clone(), dns.clone(), uri];
        assert_eq!(named(all), "cert:URI:spiffe://example.com/ci");
        assert_eq!(named(vec![email.clone(), dns]), "cert:DNS:ci.example.com");
        assert_eq!(named(vec![email]), "cert:email:ada@example.com");
        assert_eq!(named(Vec::new()), "cert:CN=Ada");
    }

    #[test]
    fn a_certificate_without_a_name_names_nobody() {
        let address = SanType::IpAddress("127.0.0.1".parse().unwrap());
        assert!(matches!(subject(vec![address], None), Err(Unnamed::Empty)));
        let nothing = CertificateDer::from(vec![0x30, 0x03, 0x01]);
        assert!(matches!(principal(&nothing, &[]), Err(Unnamed::Malformed)));
    }
}
