//! A message as it is read: which members it has, each of them once.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    RequestId,
    meta::{KNOWN_META_KEYS, WireMeta},
};

/// A message as it stands on the wire. The values stay raw, so that a value of the wrong type
/// is told by its name and never hides the identifier.
#[derive(Default)]
pub(super) struct Wire<'a> {
    pub(super) jsonrpc: Option<&'a RawValue>,
    pub(super) id: Option<&'a RawValue>,
    pub(super) method: Option<&'a RawValue>,
    pub(super) params: Option<Params<'a>>,
    pub(super) result: Option<&'a RawValue>,
    pub(super) error: Option<&'a RawValue>,
}

#[derive(Default)]
pub(super) struct Params<'a> {
    pub(super) name: Option<&'a RawValue>,
    pub(super) uri: Option<&'a RawValue>,
    pub(super) cursor: Option<&'a RawValue>,
    pub(super) arguments: Option<&'a RawValue>,
    pub(super) meta: Option<WireMeta<'a>>,
    pub(super) request_id: Option<&'a RawValue>,
    pub(super) task_id: Option<&'a RawValue>,
    pub(super) input_responses: Option<&'a RawValue>,
    pub(super) request_state: Option<&'a RawValue>,
}

impl<'a> Wire<'a> {
    /// Reads a message.
    ///
    /// # Errors
    ///
    /// When the text is not JSON, not an object, or has a member twice.
    #[inline]
    pub(super) fn read(text: &'a str) -> serde_json::Result<Self> {
        match serde_json::from_str::<Keyed<Self, PlainKey<'a>>>(text) {
            Ok(wire) => Ok(wire.0),
            Err(_) => Self::read_any(text),
        }
    }

    /// Reads a message whose keys have escapes, or says why it is none.
    #[cold]
    fn read_any(text: &'a str) -> serde_json::Result<Self> {
        serde_json::from_str::<Keyed<Self, AnyKey<'a>>>(text).map(|wire| wire.0)
    }
}

// Derived implementations would also take arrays for objects, and `null` for an absent `id`.
impl<'de, K: Key<'de>> Deserialize<'de> for Keyed<Wire<'de>, K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WireVisitor<K>(PhantomData<K>);

        impl<'de, K: Key<'de>> Visitor<'de> for WireVisitor<K> {
            type Value = Keyed<Wire<'de>, K>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON-RPC object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut wire = Wire::default();
                while let Some(key) = map.next_key::<K>()? {
                    match key.as_bytes() {
                        b"jsonrpc" => once(&mut wire.jsonrpc, "jsonrpc", &mut map)?,
                        b"id" => once(&mut wire.id, "id", &mut map)?,
                        b"method" => once(&mut wire.method, "method", &mut map)?,
                        b"params" => keyed::<_, K, _>(&mut wire.params, "params", &mut map)?,
                        b"result" => once(&mut wire.result, "result", &mut map)?,
                        b"error" => once(&mut wire.error, "error", &mut map)?,
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(Keyed::new(wire))
            }
        }

        deserializer.deserialize_map(WireVisitor(PhantomData))
    }
}

impl<'de, K: Key<'de>> Deserialize<'de> for Keyed<Params<'de>, K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ParamsVisitor<K>(PhantomData<K>);

        impl<'de, K: Key<'de>> Visitor<'de> for ParamsVisitor<K> {
            type Value = Keyed<Params<'de>, K>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`params` to be an object")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Keyed::new(Params::default()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut params = Params::default();
                while let Some(key) = map.next_key::<K>()? {
                    match key.as_bytes() {
                        b"name" => once(&mut params.name, "params.name", &mut map)?,
                        b"uri" => once(&mut params.uri, "params.uri", &mut map)?,
                        b"cursor" => once(&mut params.cursor, "params.cursor", &mut map)?,
                        b"arguments" => once(&mut params.arguments, "params.arguments", &mut map)?,
                        b"_meta" => keyed::<_, K, _>(&mut params.meta, "params._meta", &mut map)?,
                        b"requestId" => once(&mut params.request_id, "params.requestId", &mut map)?,
                        b"taskId" => once(&mut params.task_id, "params.taskId", &mut map)?,
                        b"inputResponses" => {
                            once(&mut params.input_responses, "params.inputResponses", &mut map)?;
                        }
                        b"requestState" => {
                            once(&mut params.request_state, "params.requestState", &mut map)?;
                        }
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(Keyed::new(params))
            }
        }

        // `null` for absent parameters is more than JSON-RPC allows, and harmless.
        deserializer.deserialize_any(ParamsVisitor(PhantomData))
    }
}

/// `T`, read from objects whose keys are read as `K`.
pub(super) struct Keyed<T, K>(pub(super) T, PhantomData<K>);

impl<T, K> Keyed<T, K> {
    pub(super) fn new(value: T) -> Self {
        Self(value, PhantomData)
    }
}

/// An object's key, compared but not kept.
pub(super) trait Key<'de>: Deserialize<'de> {
    fn as_bytes(&self) -> &[u8];
}

/// A key that is spelled without escapes, as nearly all are; no other can be read as one.
struct PlainKey<'de>(&'de str);

impl<'de> Key<'de> for PlainKey<'de> {
    fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl<'de> Deserialize<'de> for PlainKey<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = PlainKey<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key without escapes")
            }

            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<PlainKey<'de>, E> {
                Ok(PlainKey(key))
            }
        }

        deserializer.deserialize_str(KeyVisitor)
    }
}

/// A key in any spelling. Raw, so that a lone surrogate in some key does not hide the identifier.
struct AnyKey<'de>(&'de [u8]);

impl<'de> Key<'de> for AnyKey<'de> {
    fn as_bytes(&self) -> &[u8] {
        self.0
    }
}

impl<'de> Deserialize<'de> for AnyKey<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let quoted = <&RawValue>::deserialize(deserializer)?.get();
        let key = &quoted[1..quoted.len() - 1];
        if !key.contains('\\') {
            return Ok(Self(key.as_bytes()));
        }
        // Spelled with escapes. Recognize what we know all the same: a gateway in front of the
        // server may have read it so.
        let key = serde_json::from_str::<String>(quoted).unwrap_or_default();
        let mut known = KNOWN_KEYS.iter().chain(&KNOWN_META_KEYS).copied();
        Ok(Self(known.find(|known| *known == key).unwrap_or_default().as_bytes()))
    }
}

/// The members of [`Wire`] and of [`Params`].
const KNOWN_KEYS: [&str; 15] = [
    "jsonrpc",
    "id",
    "method",
    "params",
    "result",
    "error",
    "name",
    "uri",
    "cursor",
    "arguments",
    "_meta",
    "requestId",
    "taskId",
    "inputResponses",
    "requestState",
];

/// Reads a member that may stand only once.
fn once<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
    slot: &mut Option<T>,
    name: &'static str,
    map: &mut A,
) -> Result<(), A::Error> {
    if slot.is_some() {
        return Err(serde::de::Error::duplicate_field(name));
    }
    *slot = Some(map.next_value()?);
    Ok(())
}

/// Reads a member that may stand only once and that has keys of its own.
fn keyed<'de, T, K, A: MapAccess<'de>>(
    slot: &mut Option<T>,
    name: &'static str,
    map: &mut A,
) -> Result<(), A::Error>
where
    Keyed<T, K>: Deserialize<'de>,
{
    let mut keyed: Option<Keyed<T, K>> = slot.take().map(Keyed::new);
    once(&mut keyed, name, map)?;
    *slot = keyed.map(|keyed| keyed.0);
    Ok(())
}

/// Some clients write `null` for what they leave out.
pub(super) fn present(raw: Option<&RawValue>) -> Option<&RawValue> {
    raw.filter(|raw| raw.get() != "null")
}

/// The identifier of a message of any shape, unless it has several.
pub(super) fn find_id(text: &str) -> Option<RequestId> {
    struct IdVisitor;

    impl<'de> Visitor<'de> for IdVisitor {
        type Value = Option<RequestId>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut id = None;
            while let Some(key) = map.next_key::<AnyKey<'de>>()? {
                if key.0 == b"id" {
                    once(&mut id, "id", &mut map)?;
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(id.and_then(|raw: &RawValue| RequestId::parse(raw)))
        }
    }

    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer.deserialize_map(IdVisitor).ok().flatten()
}
