// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Cause, Debit, ILedger, Kind, Outcome} from "../../contracts/interfaces/ILedger.sol";
import {AccountId} from "../../contracts/types/Ids.sol";

/// @notice A subcontract that asks the ledger for whatever anyone tells it to ask.
contract Puppet {
    ILedger private immutable _ledger;

    constructor(ILedger ledger) {
        _ledger = ledger;
    }

    function collect(Cause calldata cause, AccountId to, AccountId creditor, Debit[] calldata debits)
        external
        returns (Outcome[] memory)
    {
        return _ledger.collect(cause, to, creditor, debits);
    }

    function pay(uint8 slot, AccountId to, uint64 amount, Kind kind) external {
        _ledger.pay(slot, to, amount, kind);
    }
}

/// @notice A contract account of one owner (EIP-1271).
contract Account1271 {
    address private immutable _owner;

    constructor(address owner) {
        _owner = owner;
    }

    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        (bytes32 r, bytes32 s) = abi.decode(signature[:64], (bytes32, bytes32));
        return ecrecover(hash, uint8(signature[64]), r, s) == _owner ? bytes4(0x1626ba7e) : bytes4(0);
    }
}
