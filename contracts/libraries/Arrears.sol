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

    /// @dev One word. The ring's first place keeps what the queue must know, so that a first debt costs one word.
    struct Debt {
        AccountId creditor;
        SubcontractId subcontract;
        uint64 amount;
        uint40 since;
        uint8 oldest; // in the first place only: where the oldest is
        uint8 count; // in the first place only: how many there are
    }

    struct Queue {
        Debt[64] ring;
    }

    function count(Queue storage self) internal view returns (uint256) {
        return self.ring[0].count;
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
        (uint8 oldest, uint8 held) = (self.ring[0].oldest, self.ring[0].count);
        if (held != 0) {
            Debt storage newest = self.ring[(uint256(oldest) + held - 1) % MOST];
            if (
                newest.creditor == creditor && newest.subcontract == subcontract
                    && newest.since >= periodBegin
            ) {
                newest.amount += amount;
                return true;
            }
        }
        if (held == MOST) return false;

        uint256 place = (uint256(oldest) + held) % MOST;
        Debt memory debt = Debt(creditor, subcontract, amount, block.timestamp.toUint40(), 0, 0);
        if (place == 0) (debt.oldest, debt.count) = (oldest, held + 1);
        else self.ring[0].count = held + 1;
        self.ring[place] = debt;
        return true;
    }

    /// @notice The oldest debt; meaningful only where there is one.
    function first(Queue storage self) internal view returns (Debt storage) {
        return self.ring[self.ring[0].oldest];
    }

    /// @notice Takes the oldest off.
    function pop(Queue storage self) internal {
        Debt memory head = self.ring[0];
        if (head.oldest != 0) delete self.ring[head.oldest];
        else head = Debt(AccountId.wrap(0), SubcontractId.wrap(0), 0, 0, 0, head.count);
        head.oldest = ((uint256(head.oldest) + 1) % MOST).toUint8();
        head.count -= 1;
        self.ring[0] = head;
    }

    function isLapsed(Debt memory debt) internal view returns (bool) {
        return block.timestamp >= debt.since + LIFE;
    }

    /// @notice The sum of what has not lapsed.
    function sum(Queue storage self) internal view returns (uint64 owed) {
        (uint256 oldest, uint256 held) = (self.ring[0].oldest, self.ring[0].count);
        for (uint256 i; i < held; ++i) {
            Debt memory debt = self.ring[(oldest + i) % MOST];
            if (!isLapsed(debt)) owed += debt.amount;
        }
    }

    /// @notice What has not lapsed, oldest first.
    function list(Queue storage self) internal view returns (Arrear[] memory debts) {
        uint256 lapsed;
        (uint256 oldest, uint256 held) = (self.ring[0].oldest, self.ring[0].count);
        while (lapsed < held && isLapsed(self.ring[(oldest + lapsed) % MOST])) ++lapsed;
        debts = new Arrear[](held - lapsed);
        for (uint256 i; i < debts.length; ++i) {
            Debt memory debt = self.ring[(oldest + lapsed + i) % MOST];
            debts[i] = Arrear(debt.creditor, debt.amount, debt.since);
        }
    }
}
