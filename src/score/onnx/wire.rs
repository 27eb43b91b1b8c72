//! Reads the fields of a protobuf message, never further than its bytes go.
//!
//! A crate that generates types from the format's own description would build every part of a
//! file before anything of it is checked; this looks at it where it lies.

/// One field of a message.
pub struct Field<'a> {
    pub number: u32,
    pub value: Value<'a>,
}

#[derive(Clone, Copy)]
pub enum Value<'a> {
    /// A number, as it stands on the wire.
    Number(u64),
    /// A text, bytes, numbers one after the other, or a message of its own.
    Bytes(&'a [u8]),
    Four,
    Eight,
}

impl<'a> Value<'a> {
    pub fn bytes(self) -> Result<&'a [u8], String> {
        match self {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err("a number where a text or a part belongs".to_owned()),
        }
    }

    pub fn number(self) -> Result<u64, String> {
        match self {
            Value::Number(number) => Ok(number),
            _ => Err("no number where one belongs".to_owned()),
        }
    }
}

/// The fields of a message, in order; ends at the first that is broken.
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub fn of(message: &'a [u8]) -> Fields<'a> {
        Fields { rest: message }
    }

    fn field(&mut self) -> Option<Field<'a>> {
        let key = varint(&mut self.rest)?;
        let number = u32::try_from(key >> 3).ok().filter(|number| *number > 0)?;
        let value = match key & 7 {
            0 => Value::Number(varint(&mut self.rest)?),
            1 => {
                self.take(8)?;
                Value::Eight
            }
            2 => {
                let length = usize::try_from(varint(&mut self.rest)?).ok()?;
                Value::Bytes(self.take(length)?)
            }
            5 => {
                self.take(4)?;
                Value::Four
            }
            // Groups went out of use before the format of models was made.
            _ => return None,
        };
        Some(Field { number, value })
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field().ok_or_else(|| "it is cut off or no protobuf".to_owned());
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

/// Takes one number of seven bits a byte off the front.
pub fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for index in 0..10 {
        let (byte, behind) = rest.split_first()?;
        *rest = behind;
        let bits = u64::from(byte & 0x7f);
        // The tenth byte has room for one bit.
        if index == 9 && bits > 1 {
            return None;
        }
        number |= bits << (7 * index);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// How many numbers stand in bytes that hold nothing else; `None` where the last is cut off.
pub fn count_varints(mut bytes: &[u8]) -> Option<u64> {
    let mut count = 0;
    while !bytes.is_empty() {
        varint(&mut bytes)?;
        count += 1;
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(message: &[u8]) -> Vec<Option<u32>> {
        Fields::of(message).map(|field| field.ok().map(|field| field.number)).collect()
    }

    #[test]
    fn fields_are_read_and_broken_ones_end_it() {
        let check = |message: &[u8], expected: &[Option<u32>]| {
            assert_eq!(numbers(message), expected, "{message:x?}");
        };
        check(&[], &[]);
        check(&[0x08, 0x96, 0x01, 0x12, 0x02, b'a', b'b'], &[Some(1), Some(2)]);
        check(&[0x0d, 0, 0, 0, 0, 0x11, 0, 0, 0, 0, 0, 0, 0, 0], &[Some(1), Some(2)]);
        check(&[0x12, 0x03, b'a', b'b'], &[None]);
        check(&[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], &[None]);
        check(&[0x0b, 0x08, 0x01], &[None]);
        check(&[0x00, 0x01], &[None]);
        check(&[0x08], &[None]);
        check(&[0xff; 20], &[None]);
    }

    #[test]
    fn numbers_are_whole() {
        assert_eq!(varint(&mut &[0xff; 9][..]), None);
        let mut most = [0xff; 10];
        most[9] = 1;
        assert_eq!(varint(&mut &most[..]), Some(u64::MAX));
        most[9] = 2;
        assert_eq!(varint(&mut &most[..]), None);
        assert_eq!(count_varints(&[1, 0x80, 1, 3]), Some(3));
        assert_eq!(count_varints(&[1, 0x80]), None);
    }
}
