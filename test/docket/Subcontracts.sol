// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Docket} from "../../contracts/Docket.sol";
import {Epoch, MemberId, StreamId, SubcontractId} from "../../contracts/types/Ids.sol";
import {Header} from "../../contracts/types/Report.sol";
import {Willing} from "./Seated.sol";

/// @notice Asks the docket, as the ledger does, while it is settled.
contract Asking is Willing {
    Docket public docket;
    uint40 public begin;
    MemberId[] public frozen;

    constructor(Docket docket_) {
        docket = docket_;
    }

    function frozenCount() external view returns (uint256) {
        return frozen.length;
    }

    function settle(StreamId stream, Epoch epoch, bytes calldata payload) external override {
        ++settled;
        last = keccak256(payload);
        (begin, frozen) = docket.settling(SubcontractId.wrap(1), stream, epoch);
    }
}

/// @notice Does to the docket whatever it was told while it is settled, and keeps what came back.
contract Reentering is Willing {
    address public docket;
    bytes public call_;
    bool public succeeded;
    bytes public answer;

    function arm(address docket_, bytes calldata given) external {
        docket = docket_;
        call_ = given;
    }

    function settle(StreamId, Epoch, bytes calldata) external override {
        ++settled;
        (succeeded, answer) = docket.call(call_);
    }
}

/// @notice Refuses in one of several ways, until it is told to be good.
contract Refusing is Willing {
    enum Way {
        Reverts,
        BurnsAllGas,
        ReturnsABomb,
        RevertsWithABomb,
        Good
    }

    Way public way;

    error NotToday(uint256 settled);

    function be(Way given) external {
        way = given;
    }

    function settle(StreamId, Epoch, bytes calldata) external override {
        ++settled;
        if (way == Way.Reverts) revert NotToday(settled);
        if (way == Way.BurnsAllGas) {
            assembly ("memory-safe") {
                invalid()
            }
        }
        if (way == Way.ReturnsABomb) {
            assembly {
                return(0, 300000)
            }
        }
        if (way == Way.RevertsWithABomb) {
            assembly {
                revert(0, 300000)
            }
        }
    }
}

/// @notice Says how much gas it was given.
contract Measuring is Willing {
    uint256 public given;

    function settle(StreamId, Epoch, bytes calldata) external override {
        given = gasleft();
    }
}
