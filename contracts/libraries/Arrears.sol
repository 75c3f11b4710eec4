// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {Arrear} from "../interfaces/ILedger.sol";
import {AccountId, SubcontractId} from "../types/Ids.sol";

/// @title Arrears
/// @notice What one member owes, oldest first, without interest (R1.3, R1.4).
/// @dev UNITS. Units of H, unix seconds. A ring of 64 debts: at the cap a new shortfall is nobody's debt.
library Arrears {
    using SafeCast for uint256;

    uint256 internal constant MOST = 64;

    /// @notice The jubilee: 24 months of 365/12 days.
    uint256 internal constant LIFE = 730 days;

    /// @dev One word.
    struct Debt {
        AccountId creditor;
        SubcontractId subcontract;
        uint64 amount;
        uint40 since;
    }

    struct Queue {
        uint8 oldest; // place in the ring
        uint8 count;
        Debt[64] ring;
    }

    /// @notice Adds a debt; false where there is no room. Joins the newest where creditor, subcontract and period are the
    /// same, and then keeps the earlier date.
    /// @param periodBegin the beginning of the current period.
    function push(
        Queue storage self,
        AccountId creditor,
        SubcontractId subcontract,
        uint64 amount,
        uint256 periodBegin
    ) internal returns (bool) {
        uint256 count = self.count;
        if (count != 0) {
            Debt storage newest = self.ring[(self.oldest + count - 1) % MOST];
            if (
                newest.creditor == creditor && newest.subcontract == subcontract
                    && newest.since >= periodBegin
            ) {
                newest.amount += amount;
                return true;
            }
        }
        if (count == MOST) return false;

        self.ring[(self.oldest + count) % MOST] =
            Debt(creditor, subcontract, amount, block.timestamp.toUint40());
        self.count = (count + 1).toUint8();
        return true;
    }

    /// @notice The oldest debt; meaningful only where there is one.
    function first(Queue storage self) internal view returns (Debt storage) {
        return self.ring[self.oldest];
    }

    /// @notice Takes the oldest off.
    function pop(Queue storage self) internal {
        delete self.ring[self.oldest];
        self.oldest = ((uint256(self.oldest) + 1) % MOST).toUint8();
        self.count -= 1;
    }

    function isLapsed(Debt memory debt) internal view returns (bool) {
        return block.timestamp >= debt.since + LIFE;
    }

    /// @notice The sum of what has not lapsed.
    function sum(Queue storage self) internal view returns (uint64 owed) {
        uint256 count = self.count;
        for (uint256 i; i < count; ++i) {
            Debt memory debt = self.ring[(self.oldest + i) % MOST];
            if (!isLapsed(debt)) owed += debt.amount;
        }
    }

    /// @notice What has not lapsed, oldest first.
    function list(Queue storage self) internal view returns (Arrear[] memory debts) {
        uint256 lapsed;
        uint256 count = self.count;
        while (lapsed < count && isLapsed(self.ring[(self.oldest + lapsed) % MOST])) ++lapsed;
        debts = new Arrear[](count - lapsed);
        for (uint256 i; i < debts.length; ++i) {
            Debt memory debt = self.ring[(self.oldest + lapsed + i) % MOST];
            debts[i] = Arrear(debt.creditor, debt.amount, debt.since);
        }
    }
}
