// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

import {MandateCaps} from "../interfaces/ICharter.sol";
import {SubcontractId} from "../types/Ids.sol";

/// @title Words
/// @notice Amounts and mandates as a person reads them in the window where they sign (R1.8).
/// @dev The same text is built by whoever asks for the signature, so every form here has exactly one spelling.
library Words {
    uint256 private constant UNIT = 1e6;

    /// @notice An amount with all six decimals and its unit: 12_500_000 is "12.500000 H".
    /// @param amount units of H.
    function money(uint64 amount) internal pure returns (string memory) {
        // Adding one unit keeps the decimals' leading zeros; their first character is then dropped.
        bytes memory decimals = bytes(Strings.toString(UNIT + amount % UNIT));
        decimals[0] = ".";
        return string.concat(Strings.toString(amount / UNIT), string(decimals), " H");
    }

    /// @notice One mandate on one line, as a founder signs it (R2.1).
    function mandate(MandateCaps memory caps) internal pure returns (string memory) {
        return string.concat(
            string.concat(
                "subcontract ", Strings.toString(SubcontractId.unwrap(caps.subcontract)), ": at most "
            ),
            string.concat(money(caps.perEvent), " per event, "),
            string.concat(money(caps.perPeriod), " per period, "),
            string.concat(money(caps.sharedPerPeriod), " shared per period, until "),
            Strings.toString(caps.expiry)
        );
    }

    /// @notice Several mandates, one line each, joined by line feeds; empty where there is none.
    function mandates(MandateCaps[] memory list) internal pure returns (string memory text) {
        for (uint256 i; i < list.length; ++i) {
            text = i == 0 ? mandate(list[i]) : string.concat(text, "\n", mandate(list[i]));
        }
    }
}
