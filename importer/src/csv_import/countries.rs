//! Codes of countries, by which a column of nationalities is known. Values are not refused by these lists.

/// ISO 3166-1 alpha-2, sorted.
const TWO: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV \
    BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM \
    FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM \
    JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR \
    MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS \
    RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ \
    UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/// Codes of three letters, ISO's and those of sport where they differ, of the countries that pétanque is played in most.
const THREE: &str = "ALG AND ARG ARM AUS AUT BEL BEN BFA BGR BUL BRA CAN CHE CHN CIV CMR CZE DEN DEU DNK DZA ESP EST FIN FRA \
    GBR GER GRC GRE HUN IRL ISL ISR ITA JPN KHM LAO LTU LUX LVA MAD MAR MCO MDG MLI MON MUS MYS NED NLD NOR NZL POL PRT \
    POR ROU RUS SEN SGP SMR SUI SVK SVN SWE THA TUN TUR UKR USA VNM";

/// Whether a text is a code of a country, in capitals.
pub(super) fn is_code(text: &str) -> bool {
    let list = match text.len() {
        2 => TWO,
        3 => THREE,
        _ => return false,
    };
    list.split(' ').any(|code| code == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_known() {
        assert!(["SE", "FR", "NO", "SWE", "FRA", "SUI"].iter().all(|code| is_code(code)));
        assert!(["se", "XX", "S E", "", "SEX", "U18"].iter().all(|code| !is_code(code)));
        assert_eq!(TWO.split(' ').filter(|code| code.len() == 2).count(), 249);
        assert!(TWO.split(' ').zip(TWO.split(' ').skip(1)).all(|(one, two)| one < two));
    }
}
