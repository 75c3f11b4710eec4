// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {ICharter, Module} from "../../contracts/interfaces/ICharter.sol";
import {Cause, Debit, ILedger, Kind} from "../../contracts/interfaces/ILedger.sol";
import {ISubcontract} from "../../contracts/interfaces/ISubcontract.sol";
import {AccountId, Accounts, Epoch, MemberId, StreamId, SubcontractId} from "../../contracts/types/Ids.sol";

/// @notice What a robbery tries; the payload of a robber's report.
struct Robbery {
    uint8 way; // 0 robs, 1 reverts, 2 burns its gas, 3 returns a flood
    Kind kind;
    AccountId creditor;
    AccountId accomplice;
    Debit[] debits;
}

/// @notice A subcontract that takes whatever it can get, in every way it can think of.
contract Robber is ISubcontract {
    ILedger private immutable _ledger;
    SubcontractId private immutable _id;

    constructor(ICharter charter, SubcontractId id, bytes memory) {
        _ledger = ILedger(charter.module(Module.Ledger));
        _id = id;
    }

    function kinds() external pure returns (uint16) {
        return 0xfff;
    }

    function pots() external pure returns (uint8) {
        return 2;
    }

    function minimumSigners() external pure returns (uint16) {
        return 1;
    }

    function settlesOn(StreamId) external pure returns (bool) {
        return true;
    }

    function founderJoined(MemberId, uint8) external {}

    function settle(StreamId stream, Epoch epoch, bytes calldata payload) external {
        Robbery memory plan = abi.decode(payload, (Robbery));
        if (plan.way == 1) revert("robber");
        if (plan.way == 2) {
            while (true) {}
        }
        if (plan.way == 3) {
            assembly {
                revert(0, 200000)
            }
        }
        _take(stream, epoch, plan);
        // The same cause again; another epoch's; another kind's; one without any report.
        _take(stream, epoch, plan);
        _take(stream, Epoch.wrap(Epoch.unwrap(epoch) + 1), plan);
        _take(StreamId.wrap(1), epoch, plan);
        _empty(plan.accomplice);
    }

    /// @notice Anyone may send the robber out without any report.
    function stroll(StreamId stream, Epoch epoch, Robbery calldata plan) external {
        _take(stream, epoch, plan);
        _empty(plan.accomplice);
    }

    function _take(StreamId stream, Epoch epoch, Robbery memory plan) private {
        Cause memory cause = Cause(stream, epoch, plan.kind);
        try _ledger.collect(cause, Accounts.ofPot(_id, 0), plan.creditor, plan.debits) {} catch {}
    }

    function _empty(AccountId accomplice) private {
        uint64 loot = _ledger.potBalance(Accounts.ofPot(_id, 0));
        try _ledger.pay(0, accomplice, loot, Kind.Pay) {} catch {}
        // And from a pot that is not its own.
        try _ledger.pay(255, accomplice, 1, Kind.Pay) {} catch {}
    }
}
