//! The elements of RFC 6030, and of the formats it borrows, that mean something here.

/// The namespace of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    /// None: the parameters of PBKDF2 have none in the RFC's own example.
    None,
    /// RFC 6030.
    Pskc,
    /// XML Encryption 1.0.
    Enc,
    /// XML Encryption 1.1.
    Enc11,
    /// PKCS #5, as a schema.
    Pkcs5,
    /// XML Signature.
    Sig,
    /// Anything else: nothing in it is understood.
    Other,
}

impl Space {
    pub(super) fn named(name: &str) -> Self {
        match name {
            "urn:ietf:params:xml:ns:keyprov:pskc" => Self::Pskc,
            "http://www.w3.org/2001/04/xmlenc#" => Self::Enc,
            "http://www.w3.org/2009/xmlenc11#" => Self::Enc11,
            "http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#" => Self::Pkcs5,
            "http://www.w3.org/2000/09/xmldsig#" => Self::Sig,
            _ => Self::Other,
        }
    }
}

macro_rules! tags {
    ($($space:pat => { $($tag:ident = $name:literal),* $(,)? })*) => {
        /// An element, named as the formats name it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Tag {
            $($($tag,)*)*
            /// One that means nothing here.
            Other,
        }

        impl Tag {
            fn in_space(space: Space, name: &str) -> Self {
                match space {
                    $($space => match name {
                        $($name => Self::$tag,)*
                        _ => Self::Other,
                    },)*
                    Space::Other => Self::Other,
                }
            }
        }
    };
}

impl Tag {
    /// The parameters of PBKDF2 stand in whichever namespace is at hand: in that of PKCS #5, in none
    /// (RFC 6030's own example), in that of XML Encryption 1.1, or where a default puts them.
    pub(super) fn of(space: Space, name: &str) -> Self {
        match (Self::in_space(space, name), space) {
            (Self::Other, Space::Enc11 | Space::Pskc) => Self::in_space(Space::Pkcs5, name),
            (tag, _) => tag,
        }
    }
}

tags! {
    Space::Pskc => {
        KeyContainer = "KeyContainer",
        EncryptionKey = "EncryptionKey",
        MacMethod = "MACMethod",
        MacKey = "MACKey",
        MacKeyReference = "MACKeyReference",
        KeyPackage = "KeyPackage",
        DeviceInfo = "DeviceInfo",
        Manufacturer = "Manufacturer",
        SerialNo = "SerialNo",
        UserId = "UserId",
        StartDate = "StartDate",
        ExpiryDate = "ExpiryDate",
        Key = "Key",
        Issuer = "Issuer",
        FriendlyName = "FriendlyName",
        AlgorithmParameters = "AlgorithmParameters",
        Suite = "Suite",
        ResponseFormat = "ResponseFormat",
        Data = "Data",
        Secret = "Secret",
        Time = "Time",
        TimeInterval = "TimeInterval",
        TimeDrift = "TimeDrift",
        PlainValue = "PlainValue",
        EncryptedValue = "EncryptedValue",
        ValueMac = "ValueMAC",
        Policy = "Policy",
        PinPolicy = "PINPolicy",
        KeyUsage = "KeyUsage",
    }
    Space::Enc => {
        EncryptionMethod = "EncryptionMethod",
        CipherData = "CipherData",
        CipherValue = "CipherValue",
        EncryptedKey = "EncryptedKey",
    }
    Space::Enc11 => {
        DerivedKey = "DerivedKey",
        KeyDerivationMethod = "KeyDerivationMethod",
    }
    Space::Sig => {
        X509Data = "X509Data",
        KeyValue = "KeyValue",
    }
    Space::None | Space::Pkcs5 => {
        Pbkdf2Params = "PBKDF2-params",
        Salt = "Salt",
        Specified = "Specified",
        IterationCount = "IterationCount",
        KeyLength = "KeyLength",
        Prf = "PRF",
    }
}
