//! Certificates as text: the client library takes them in no other form.

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// How many bytes make a line of 64 letters.
const LINE: usize = 48;

/// Returns a certificate in the form of PEM (RFC 7468).
pub(crate) fn encode(certificate: &[u8]) -> Vec<u8> {
    let mut text = b"-----BEGIN CERTIFICATE-----\n".to_vec();
    for line in certificate.chunks(LINE) {
        for triple in line.chunks(3) {
            let byte = |place: usize| u32::from(triple.get(place).copied().unwrap_or(0));
            let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
            for letter in 0..4_usize {
                let place = (bits >> (18 - 6 * letter) & 63) as usize;
                text.push(if letter <= triple.len() {
                    LETTERS[place]
                } else {
                    b'='
                });
            }
        }
        text.push(b'\n');
    }
    text.extend_from_slice(b"-----END CERTIFICATE-----\n");
    text
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    use super::*;

    #[test]
    fn what_is_encoded_is_read_again() {
        for len in [1, 2, 3, 47, 48, 49, 1_000] {
            let bytes: Vec<u8> = (0..len).map(|n: u32| n.to_le_bytes()[0]).collect();
            let read = CertificateDer::from_pem_slice(&encode(&bytes)).unwrap();
            assert_eq!(&*read, &*bytes);
        }
    }
}
