// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {Calendar} from "../types/Calendar.sol";

/// @title Purses
/// @notice One purse: what is in it, what flowed into it by period, and how full it was over time (R1, R8).
/// @dev UNITS. Money in units of H below 2^64; unix seconds, stored in 32 bits, which hold them until 2106; `t0` is
/// ignition, 0 before it. A balance times the 2,592,000 seconds of a period stays below 2^86.
/// GAS. A balance and a flow are one word each, packed here by hand: a week of 150 members reads and writes them 150
/// times, and the compiler would read and write the word once per field.
library Purses {
    using SafeCast for uint256;

    struct Balance {
        uint64 free;
        uint64 held;
        uint64 owed; // arrears, lapsed ones included until they are taken off
        uint32 touchedAt; // the flows are counted up to here, unix seconds; 0 for an untouched purse
        uint32 since; // when the member joined, unix seconds; 0 for founders, who count from ignition
    }

    /// @dev A flow of another period than asked for counts as zero.
    struct Flow {
        uint16 tag; // the period and one
        uint96 weighted; // free and held, times seconds
        int136 counted; // counted inflow less own withdrawals
        bool hasReceipts; // received from a pot, so the receipts by subcontract are worth reading
    }

    struct State {
        uint256 balance; // from the low bits: free 64, held 64, owed 64, touchedAt 32, since 32
        uint256[3] flows; // tag 16, weighted 96, counted 136, hasReceipts 1, ready 1; by period, modulo three
    }

    /// @dev Set in each flow's word at the purse's first use. So the first settlement of a period, which writes a new
    /// word for every member, changes words and makes none, and 150 members fit into one transaction in any week.
    uint256 private constant READY = 1 << 255;

    /* THE BALANCE */

    // A field is shifted to the low bits before it is narrowed.
    // forge-lint: disable-start(unsafe-typecast)

    function read(State storage self) internal view returns (Balance memory) {
        uint256 word = self.balance;
        return Balance(
            uint64(word), uint64(word >> 64), uint64(word >> 128), uint32(word >> 192), uint32(word >> 224)
        );
    }

    function write(State storage self, Balance memory balance) internal {
        self.balance = uint256(balance.free) | uint256(balance.held) << 64 | uint256(balance.owed) << 128
            | uint256(balance.touchedAt) << 192 | uint256(balance.since) << 224;
    }

    function free(State storage self) internal view returns (uint64) {
        return uint64(self.balance);
    }

    // forge-lint: disable-end(unsafe-typecast)

    /// @notice Credits an account that is no member's, and so has no flows.
    function add(State storage self, uint64 amount) internal {
        Balance memory balance = read(self);
        balance.free += amount;
        write(self, balance);
    }

    /// @notice Debits an account that is no member's.
    function take(State storage self, uint64 amount) internal {
        Balance memory balance = read(self);
        balance.free -= amount;
        write(self, balance);
    }

    function takeOwed(State storage self, uint64 amount) internal {
        Balance memory balance = read(self);
        balance.owed -= amount;
        write(self, balance);
    }

    /* THE FLOWS */

    /// @notice The period of `t`; what lands before ignition counts as at ignition (R0).
    function periodAt(uint256 t, uint256 t0) internal pure returns (uint256) {
        return t0 == 0 ? 0 : Calendar.period(t, t0);
    }

    /// @notice Counts the time since the last touch at the balance it had. Every change of a member's balance begins
    /// with this; the balance itself is for the caller to write.
    function touch(State storage self, Balance memory balance, uint256 t0) internal {
        uint256 touchedAt = balance.touchedAt;
        if (touchedAt == 0) {
            for (uint256 i; i < 3; ++i) {
                self.flows[i] = READY;
            }
        }
        balance.touchedAt = block.timestamp.toUint32();
        uint256 amount = uint256(balance.free) + balance.held;
        if (t0 == 0 || amount == 0) return;

        uint256 current = periodAt(block.timestamp, t0);
        uint256 from = Math.max(touchedAt, t0);
        if (from == block.timestamp) return;
        uint256 period = periodAt(from, t0);
        if (period + 2 < current) {
            // Older periods are read no more.
            period = current - 2;
            from = begin(period, t0);
        }
        for (; period <= current; ++period) {
            uint256 to = period == current ? block.timestamp : begin(period + 1, t0);
            Flow memory flow = _flowOf(self, period);
            flow.weighted += (amount * (to - from)).toUint96();
            _write(self, period, flow);
            from = to;
        }
    }

    /// @notice Counts an inflow (or, negative, an own withdrawal) in the current period.
    /// @param isReceipt whether it came from a pot.
    function count(State storage self, int256 amount, bool isReceipt, uint256 t0) internal {
        uint256 period = periodAt(block.timestamp, t0);
        Flow memory flow = _flowOf(self, period);
        flow.counted += SafeCast.toInt136(amount);
        flow.hasReceipts = flow.hasReceipts || isReceipt;
        _write(self, period, flow);
    }

    /// @notice Counted inflow, and the time-weighted mean of free and held, over the current and the two preceding
    /// periods, since joining if that is later (R8); and whether any of the inflow came from a pot.
    function means(State storage self, uint256 t0)
        internal
        view
        returns (int256 counted, uint256 mean, bool hasReceipts)
    {
        Balance memory balance = read(self);
        uint256 amount = uint256(balance.free) + balance.held;
        uint256 current = periodAt(block.timestamp, t0);
        uint256 first = current < 2 ? 0 : current - 2;
        uint256 weighted;
        for (uint256 period = first; period <= current; ++period) {
            uint256 from = begin(period, t0);
            // What was not touched since has no word yet; what landed before ignition is in the first period's.
            if (balance.touchedAt >= from || period == 0) {
                Flow memory flow = _flowOf(self, period);
                counted += flow.counted;
                weighted += flow.weighted;
                hasReceipts = hasReceipts || flow.hasReceipts;
            }
            from = Math.max(from, balance.touchedAt);
            uint256 to = period == current ? block.timestamp : begin(period + 1, t0);
            if (to > from) weighted += amount * (to - from);
        }

        uint256 spanBegin = Math.max(begin(first, t0), balance.since);
        mean = block.timestamp <= spanBegin ? amount : weighted / (block.timestamp - spanBegin);
    }

    /// @notice The first second of a period.
    function begin(uint256 period, uint256 t0) internal pure returns (uint256) {
        return t0 + period * Calendar.PERIOD;
    }

    // A field is shifted to the low bits before it is narrowed; a negative count is widened and narrowed unchanged.
    // forge-lint: disable-start(unsafe-typecast)

    function _flowOf(State storage self, uint256 period) private view returns (Flow memory) {
        uint256 word = self.flows[period % 3];
        uint16 tag = (period + 1).toUint16();
        if (uint16(word) != tag) return Flow(tag, 0, 0, false);
        return Flow(tag, uint96(word >> 16), int136(uint136(word >> 112)), word >> 248 & 1 != 0);
    }

    function _write(State storage self, uint256 period, Flow memory flow) private {
        self.flows[period % 3] = uint256(flow.tag) | uint256(flow.weighted) << 16
            | uint256(uint136(flow.counted)) << 112 | (flow.hasReceipts ? 1 << 248 : 0) | READY;
    }

    // forge-lint: disable-end(unsafe-typecast)
}
