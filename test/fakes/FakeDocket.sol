// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Epoch, MemberId, StreamId, SubcontractId} from "../../contracts/types/Ids.sol";

/// @notice A docket whose open epochs, settlements and frozen lines a test sets.
contract FakeDocket {
    error NothingSettles();

    bool public isSettling;
    uint40 public begin;
    MemberId[] private _frozen;
    mapping(SubcontractId => uint40[]) private _open;

    function settle(uint40 begin_) external {
        (isSettling, begin) = (true, begin_);
        delete _frozen;
    }

    function freeze(MemberId member) external {
        _frozen.push(member);
    }

    function rest() external {
        isSettling = false;
    }

    function openEpoch(SubcontractId subcontract, uint40 begin_) external {
        _open[subcontract].push(begin_);
    }

    function closeEpochs(SubcontractId subcontract) external {
        delete _open[subcontract];
    }

    function settling(SubcontractId, StreamId, Epoch) external view returns (uint40, MemberId[] memory) {
        if (!isSettling) revert NothingSettles();
        return (begin, _frozen);
    }

    function openEpochs(SubcontractId subcontract, uint40 since) external view returns (uint16 count) {
        for (uint256 i; i < _open[subcontract].length; ++i) {
            if (_open[subcontract][i] >= since) ++count;
        }
    }

    function oldestOpen(SubcontractId subcontract) external view returns (uint40 oldest) {
        for (uint256 i; i < _open[subcontract].length; ++i) {
            if (oldest == 0 || _open[subcontract][i] < oldest) oldest = _open[subcontract][i];
        }
    }
}

/// @notice A committee of one operator.
contract FakeCommittee {
    address public operator;

    constructor(address operator_) {
        operator = operator_;
    }

    function identityOf(uint8 purse) external view returns (address) {
        return purse == 0 ? operator : address(0);
    }
}
