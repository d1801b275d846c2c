//! Names of well-known models.

use crate::account::webauthn::Aaguid;

/// The name of a model, for whoever has several authenticators to tell apart. Without an attestation the
/// AAGUID is what the client says, so nothing is decided by it.
pub(super) fn name(aaguid: Aaguid) -> Option<&'static str> {
    let key = u128::from_be_bytes(*aaguid.as_bytes());
    let at = MODELS.binary_search_by_key(&key, |(aaguid, _)| *aaguid).ok()?;
    MODELS.get(at).map(|(_, name)| *name)
}

/// In the order of their ids, for the search. The names are those that their makers registered, with the
/// FIDO Alliance or in the list of passkey providers.
const MODELS: &[(u128, &str)] = &[
    (0x08987058_cadc_4b81_b6e1_30de50dcbe96, "Windows Hello"),
    (0x0ea242b4_43c4_4a1b_8b17_dd6d0b6baec6, "Keeper"),
    (0x12ded745_4bed_47d4_abaa_e713f51d6393, "Feitian AllinOne"),
    (0x149a2021_8ef6_4133_96b8_81f8d5b7f1f5, "Security Key by Yubico with NFC"),
    (0x22248c4c_7a12_46e2_9a41_44291b373a4d, "LogMeOnce"),
    (0x24673149_6c86_42e7_98d9_433fb5b73296, "YubiKey 5 Series with Lightning"),
    (0x2cd2f727_f6ca_44da_8f48_5c2e5da000a2, "Nitrokey 3"),
    (0x2fc0579f_8113_47ea_b116_bb5a8db9202a, "YubiKey 5 Series with NFC"),
    (0x341e4da9_3c2e_8103_5a9f_aad887135200, "Ledger Nano S"),
    (0x3789da91_f943_46bc_95c3_50ea2012f03a, "NEOWAVE Winkeo"),
    (0x39a5647e_1853_446c_a1f6_a79bae9f5bc7, "IDmelon"),
    (0x42b4fb4a_2866_43b2_9bf7_6c6669c2e5d3, "Google Titan Security Key v2"),
    (0x50726f74_6f6e_5061_7373_50726f746f6e, "Proton Pass"),
    (0x531126d6_e717_415c_9320_3d9aa6981239, "Dashlane"),
    (0x53414d53_554e_4700_0000_000000000000, "Samsung Pass"),
    (0x6028b017_b1d4_4c02_b4b3_afcdafc96bb2, "Windows Hello"),
    (0x6bb49926_160a_4306_a100_4eb39ba6ac45, "AVG Password Manager"),
    (0x6d44ba9b_f6ec_2e49_b930_0c8fe920cb73, "Security Key by Yubico with NFC"),
    (0x73bb0cd4_e502_49b8_9c6f_b59445bf720b, "YubiKey 5 FIPS Series"),
    (0x771b48fd_d3d4_4f74_9232_fc157ab0507a, "Edge on Mac"),
    (0x85203421_48f9_4355_9bc8_8a53846e5083, "YubiKey 5 FIPS Series with Lightning"),
    (0x8876631b_d4a0_427f_5773_0ec71c9e0279, "Solo"),
    (0x891494da_2c90_4d31_a9cd_4eab0aed1309, "Sésame"),
    (0x9ddd1817_af5a_4672_a2b9_3e3dd95000a9, "Windows Hello"),
    (0xa10c6dd9_465e_4226_8198_c7c44b91c555, "Kaspersky Password Manager"),
    (0xa4a2d88e_9796_4356_9164_e2a5a8bd019c, "Avast Password Manager"),
    (0xadce0002_35bc_c60a_648b_0b25f1f05503, "Chrome on Mac"),
    (0xb35a26b2_8f6e_4697_ab1d_d44db4da28c6, "Zoho Vault"),
    (0xb5397666_4885_aa6b_cebf_e52262a439a2, "Chromium"),
    (0xb78a0a55_6ef8_d246_a042_ba0f6d55050c, "LastPass"),
    (0xb84e4048_15dc_4dd0_8640_f4f60813c8af, "NordPass"),
    (0xb92c3f9a_c014_4056_887f_140a2501163b, "Security Key by Yubico"),
    (0xb93fd961_f2e6_462f_b122_82002247de78, "Android Authenticator"),
    (0xbada5566_a7aa_401f_bd96_45619a55120d, "1Password"),
    (0xc1f9a0bc_1dd2_404a_b27f_8e29047a43fd, "YubiKey 5 FIPS Series with NFC"),
    (0xc5ef55ff_ad9a_4b9f_b580_adebafe026d0, "YubiKey 5 Series with Lightning"),
    (0xc80dbd9a_533f_4a17_b941_1a2f1c7cedff, "HID Crescendo C3000"),
    (0xcb69481e_8ff7_4039_93ec_0a2729a154a8, "YubiKey 5 Series"),
    (0xd3452668_01fd_4c12_926c_83a4204853aa, "Microsoft Password Manager"),
    (0xd548826e_79b4_db40_a3d8_11116f7e8349, "Bitwarden"),
    (0xd7781e5d_e353_46aa_afe2_3ca49f13332a, "YubiKey 5 Series with NFC"),
    (0xd8522d9f_575b_4866_88a9_ba99fa02f35b, "YubiKey Bio Series"),
    (0xdd4ec289_e01d_41c9_bb89_70fa845d4bf2, "iCloud Keychain (managed)"),
    (0xde503f9c_21a4_4f76_b4b7_558eb55c6f89, "Devolutions"),
    (0xe77e3c64_05e3_428b_8824_0cbeb04b829d, "Security Key NFC by Yubico"),
    (0xe7db2bd3_f2fe_4d71_ad78_7e7aa166cfd1, "Avira Password Manager"),
    (0xea9b8d66_4d01_1d21_3ce4_b6b48cb575d4, "Google Password Manager"),
    (0xeaecdef2_1c31_5634_8639_f1cbd9c00a08, "KeePassDX"),
    (0xee041bce_25e5_4cdb_8f86_897fd6418464, "Feitian ePass FIDO2-NFC"),
    (0xee882879_721c_4913_9775_3dfcce97072a, "YubiKey 5 Series"),
    (0xf3809540_7f14_49c1_a8b3_8f813b225541, "Enpass"),
    (0xf8a011f3_8c0a_4d15_8006_17111f9edc7d, "Security Key by Yubico"),
    (0xfa2b99dc_9e39_4257_8f92_4a30d23c4118, "YubiKey 5 Series with NFC"),
    (0xfa37f553_f9b6_4adb_ac53_8bbb57ebdf0d, "Norton Password Manager"),
    (0xfbfc3007_154e_4ecc_8c0b_6e020557d7bd, "iCloud Keychain"),
    (0xfdb141b2_5d84_443e_8a35_4698c205a502, "KeePassXC"),
    (0xff4dac45_ede8_4ec2_aced_cf66103f4335, "YubiKey 5 Series"),
];

#[cfg(test)]
mod tests {
    use super::{Aaguid, MODELS, name};

    #[test]
    fn the_models_stand_in_order_once_each_and_with_a_name_to_read() {
        assert!(MODELS.is_sorted_by(|(one, _), (next, _)| one < next));
        assert!(
            MODELS.iter().all(|(id, name)| *id != 0 && !name.is_empty() && name.len() <= 40 && *name == name.trim())
        );
    }

    #[test]
    fn a_model_is_found_by_its_id_and_one_that_is_not_said_is_none() {
        let named = |id: &str| name(id.parse::<Aaguid>().unwrap());
        assert_eq!(named("ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4"), Some("Google Password Manager"));
        assert_eq!(named("08987058-cadc-4b81-b6e1-30de50dcbe96"), Some("Windows Hello"), "the first");
        assert_eq!(named("ff4dac45-ede8-4ec2-aced-cf66103f4335"), Some("YubiKey 5 Series"), "the last");
        assert_eq!(named("ea9b8d66-4d01-1d21-3ce4-b6b48cb575d5"), None);
        assert_eq!(name(Aaguid::default()), None);
    }
}
