// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {Calendar} from "../types/Calendar.sol";

/// @title Purses
/// @notice One purse: what is in it, what flowed into it by period, and how full it was over time (R1, R8).
/// @dev UNITS. Money in units of H below 2^64; unix seconds, stored in 32 bits, which hold them until 2106; `t0` is
/// ignition, 0 before it.
/// A balance times the 2,592,000 seconds of a period stays below 2^86.
library Purses {
    using SafeCast for uint256;

    /// @dev One word, so that a debit costs one write.
    struct Balance {
        uint64 free;
        uint64 held;
        uint64 owed; // arrears, lapsed ones included until they are taken off
        uint32 touchedAt; // the flows are counted up to here, unix seconds; 0 for an untouched purse
        uint32 since; // when the member joined, unix seconds; 0 for founders, who count from ignition
    }

    /// @dev One period's word. A word of another period counts as zero.
    struct Flow {
        uint16 tag; // the period and one
        uint96 weighted; // free and held, times seconds
        int136 counted; // counted inflow less own withdrawals
        bool hasReceipts; // received from a pot, so the receipts by subcontract are worth reading
    }

    struct State {
        Balance balance;
        Flow[3] flows; // by period, modulo three: the current and the two before it are all that is read
    }

    /// @notice The period of `t`; what lands before ignition counts as at ignition (R0).
    function periodAt(uint256 t, uint256 t0) internal pure returns (uint256) {
        return t0 == 0 ? 0 : Calendar.period(t, t0);
    }

    /// @notice Counts the time since the last touch at the balance it had. Every change of a member's balance begins
    /// with this.
    function touch(State storage self, uint256 t0) internal {
        Balance memory balance = self.balance;
        self.balance.touchedAt = block.timestamp.toUint32();
        uint256 amount = uint256(balance.free) + balance.held;
        if (t0 == 0 || amount == 0) return;

        uint256 current = periodAt(block.timestamp, t0);
        uint256 from = Math.max(balance.touchedAt, t0);
        uint256 period = periodAt(from, t0);
        if (period + 2 < current) {
            // Older periods are read no more.
            period = current - 2;
            from = begin(period, t0);
        }
        for (; period <= current; ++period) {
            uint256 to = Math.min(block.timestamp, begin(period + 1, t0));
            Flow memory flow = flowOf(self, period);
            flow.weighted += (amount * (to - from)).toUint96();
            self.flows[period % 3] = flow;
            from = to;
        }
    }

    /// @notice Counts an inflow (or, negative, an own withdrawal) in the current period.
    /// @param isReceipt whether it came from a pot.
    function count(State storage self, int256 amount, bool isReceipt, uint256 t0) internal {
        uint256 period = periodAt(block.timestamp, t0);
        Flow memory flow = flowOf(self, period);
        flow.counted += SafeCast.toInt136(amount);
        flow.hasReceipts = flow.hasReceipts || isReceipt;
        self.flows[period % 3] = flow;
    }

    /// @notice Counted inflow, and the time-weighted mean of free and held, over the current and the two preceding
    /// periods, since joining if that is later (R8); and whether any of the inflow came from a pot.
    function means(State storage self, uint256 t0)
        internal
        view
        returns (int256 counted, uint256 mean, bool hasReceipts)
    {
        Balance memory balance = self.balance;
        uint256 amount = uint256(balance.free) + balance.held;
        uint256 current = periodAt(block.timestamp, t0);
        uint256 first = current < 2 ? 0 : current - 2;
        uint256 weighted;
        for (uint256 period = first; period <= current; ++period) {
            uint256 from = begin(period, t0);
            // What was not touched since has no word yet; what landed before ignition is in the first period's.
            if (balance.touchedAt >= from || period == 0) {
                Flow memory flow = flowOf(self, period);
                counted += flow.counted;
                weighted += flow.weighted;
                hasReceipts = hasReceipts || flow.hasReceipts;
            }
            from = Math.max(from, balance.touchedAt);
            uint256 to = Math.min(block.timestamp, begin(period + 1, t0));
            if (to > from) weighted += amount * (to - from);
        }

        uint256 spanBegin = Math.max(begin(first, t0), balance.since);
        mean = block.timestamp <= spanBegin ? amount : weighted / (block.timestamp - spanBegin);
    }

    /// @notice The first second of a period.
    function begin(uint256 period, uint256 t0) internal pure returns (uint256) {
        return t0 + period * Calendar.PERIOD;
    }

    function flowOf(State storage self, uint256 period) private view returns (Flow memory flow) {
        flow = self.flows[period % 3];
        uint16 tag = (period + 1).toUint16();
        if (flow.tag != tag) flow = Flow(tag, 0, 0, false);
    }
}
