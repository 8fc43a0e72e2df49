//! Protocol buffers on the wire: a message is a row of fields, each a tag (its number, and how its value is written) and the
//! value. Nothing here knows what a field means. <https://protobuf.dev/programming-guides/encoding>

use crate::error::Result;
use crate::weights::invalid;

/// The longest beginning of a field: the tag and a number, ten bytes each.
pub(super) const LONGEST_HEAD: usize = 20;

/// The beginning of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// A number.
    Number(u32, u64),
    /// So many bytes that follow: a message, a text, numbers in a row.
    Bytes(u32, u64),
    /// Four or eight bytes that follow.
    Fixed(u32, u64),
}

impl Head {
    /// The beginning of `bytes`, and how long it is; `None` where they end within it.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>> {
        let Some((tag, tag_len)) = varint(bytes)? else { return Ok(None) };
        let number = u32::try_from(tag >> 3).map_err(|_| malformed())?;
        let rest = bytes.get(tag_len..).unwrap_or_default();
        let head = match tag & 7 {
            1 => (Self::Fixed(number, 8), 0),
            5 => (Self::Fixed(number, 4), 0),
            kind @ (0 | 2) => {
                let Some((value, len)) = varint(rest)? else { return Ok(None) };
                (if kind == 0 { Self::Number(number, value) } else { Self::Bytes(number, value) }, len)
            }
            _ => return Err(malformed()),
        };
        Ok(Some((head.0, tag_len + head.1)))
    }
}

/// A field of a message that is there as a whole.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Fixed(&'a [u8]),
}

impl<'a> Value<'a> {
    pub(super) fn text(self) -> Result<&'a str> {
        match self {
            Self::Bytes(bytes) => std::str::from_utf8(bytes).map_err(|_| malformed()),
            _ => Err(malformed()),
        }
    }

    pub(super) fn bytes(self) -> Result<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(malformed()),
        }
    }

    /// A number, or several in a row: a repeated field comes in either form.
    pub(super) fn numbers(self) -> Result<Vec<u64>> {
        match self {
            Self::Number(number) => Ok(vec![number]),
            Self::Bytes(bytes) => varints(bytes),
            Self::Fixed(_) => Err(malformed()),
        }
    }

    pub(super) fn number(self) -> Result<u64> {
        match self {
            Self::Number(number) => Ok(number),
            _ => Err(malformed()),
        }
    }
}

/// The fields of a message, in order.
pub(super) fn fields(mut message: &[u8]) -> impl Iterator<Item = Result<(u32, Value<'_>)>> {
    std::iter::from_fn(move || {
        if message.is_empty() {
            return None;
        }
        let field = field(message);
        message = field.as_ref().map_or(&[][..], |(_, rest)| rest);
        Some(field.map(|(field, _)| field))
    })
}

type Field<'a> = (u32, Value<'a>);

fn field(message: &[u8]) -> Result<(Field<'_>, &[u8])> {
    let (head, len) = Head::parse(message)?.ok_or_else(malformed)?;
    let rest = message.get(len..).unwrap_or_default();
    match head {
        Head::Number(number, value) => Ok(((number, Value::Number(value)), rest)),
        Head::Bytes(number, len) | Head::Fixed(number, len) => {
            let len = usize::try_from(len).map_err(|_| malformed())?;
            let (value, rest) = rest.split_at_checked(len).ok_or_else(malformed)?;
            let value = if matches!(head, Head::Bytes(..)) { Value::Bytes(value) } else { Value::Fixed(value) };
            Ok(((number, value), rest))
        }
    }
}

/// Numbers in a row.
pub(super) fn varints(mut bytes: &[u8]) -> Result<Vec<u64>> {
    let mut numbers = Vec::new();
    while !bytes.is_empty() {
        let (number, len) = varint(bytes)?.ok_or_else(malformed)?;
        numbers.push(number);
        bytes = bytes.get(len..).unwrap_or_default();
    }
    Ok(numbers)
}

/// A number of seven bits a byte, the lowest first, and how many bytes it has; `None` where they end within it.
fn varint(bytes: &[u8]) -> Result<Option<(u64, usize)>> {
    let mut number = 0;
    for (at, byte) in bytes.iter().take(10).enumerate() {
        number |= u64::from(byte & 127) << (7 * at);
        if byte & 128 == 0 {
            return Ok(Some((number, at + 1)));
        }
    }
    if bytes.len() < 10 { Ok(None) } else { Err(malformed()) }
}

pub(super) fn malformed() -> crate::error::Error {
    invalid("the ONNX file is malformed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_of_fields_and_what_is_cut() {
        assert_eq!(Head::parse(&[0x08, 0x96, 0x01]).unwrap(), Some((Head::Number(1, 150), 3)));
        assert_eq!(Head::parse(&[0x12, 0x07]).unwrap(), Some((Head::Bytes(2, 7), 2)));
        assert_eq!(Head::parse(&[0x1d]).unwrap(), Some((Head::Fixed(3, 4), 1)));
        assert_eq!(Head::parse(&[0x08, 0x96]).unwrap(), None);
        assert!(Head::parse(&[0x0b]).is_err(), "groups are of long ago");
        assert!(Head::parse(&[0xff; 11]).is_err(), "a number without an end");
    }

    #[test]
    fn fields_of_a_message_and_one_that_leads_out_of_it() {
        let read: Vec<_> = fields(&[0x08, 3, 0x12, 2, 7, 8]).map(|field| field.unwrap().0).collect();
        assert_eq!(read, [1, 2]);
        assert!(fields(&[0x12, 3, 7, 8]).any(|field| field.is_err()));
        assert_eq!(varints(&[1, 0x96, 0x01]).unwrap(), [1, 150]);
    }
}
