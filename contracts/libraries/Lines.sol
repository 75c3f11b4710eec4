// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {MemberId} from "../types/Ids.sol";

/// @title Lines
/// @notice Whom the lines of a report name (R7.3); what a line says is its subcontract's to read.
/// @dev A payload with lines is a head of 40 bytes (root of the itemised lists 32, what nobody took 8), then lines of 8
/// bytes, each beginning with its member's number (16 bits), strictly ascending, at most 150. Any other length has none.
library Lines {
    uint256 internal constant HEAD = 40;
    uint256 internal constant LINE = 8;
    uint256 internal constant MOST = 150;

    /// @notice True where a line names the member.
    function has(bytes calldata payload, MemberId member) internal pure returns (bool) {
        if (payload.length < HEAD || (payload.length - HEAD) % LINE != 0) return false;
        uint256 count = (payload.length - HEAD) / LINE;
        if (count > MOST) return false;
        for (uint256 i = 0; i < count; ++i) {
            uint256 at = HEAD + i * LINE;
            if (uint16(bytes2(payload[at:at + 2])) == MemberId.unwrap(member)) return true;
        }
        return false;
    }
}
