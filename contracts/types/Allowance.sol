// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

/// @notice What the caps allow of one debit, and use up by it.
/// @dev From the low bits: within 64 (units of H), left 1 (the payer has left the charter, so that no floor protects,
/// R1.2). One word, since 150 of them cross from mandates to ledger in one settlement.
type Allowance is uint256;

using Allowances for Allowance global;

/// @title Allowances
/// @notice Makes and reads allowances.
library Allowances {
    uint256 private constant LEFT = 1 << 64;

    function make(uint64 within_, bool left) internal pure returns (Allowance) {
        return Allowance.wrap(left ? within_ | LEFT : within_);
    }

    function within(Allowance self) internal pure returns (uint64) {
        // The low 64 bits are the amount.
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint64(Allowance.unwrap(self));
    }

    function hasLeft(Allowance self) internal pure returns (bool) {
        return Allowance.unwrap(self) & LEFT != 0;
    }
}
